// The JSON reader: values, places in errors, and everything that a strict reader refuses.
#include "check.hpp"
#include "zoo/json.hpp"

using zoo::json::parse;

int main() {
  const auto root = parse(" {\"a\": [1, -2.5e3, 0, 1E-2], \"b\": {\"c\": null, \"d\": true, \"e\": false}, \"\": []}\r\n");
  CHECK(root.at("a").array().size() == 4);
  CHECK(root.at("a").array()[0].integer() == 1);
  CHECK(root.at("a").array()[1].number() == -2500.0);
  CHECK(root.at("a").array()[3].number() == 0.01);
  CHECK(root.at("b").at("c").is_null());
  CHECK(root.at("b").at("d").boolean() && !root.at("b").at("e").boolean());
  CHECK(root.at("").array().empty());
  CHECK(parse("\"a\\n\\u00e9\\ud83d\\ude00\\\"\"").string() == "a\n\xc3\xa9\xf0\x9f\x98\x80\"");
  CHECK(parse("\"\xc3\xa9 \xe2\x88\x9a\"").string() == "\xc3\xa9 \xe2\x88\x9a");
  CHECK(parse("9007199254740992").integer() == 9007199254740992LL);

  // errors of the text: line and column
  CHECK_THROWS(zoo::InvalidFile, parse("{\"a\": 1,\n \"b\" 2}", "m.json"), "m.json:2:6", "expected ':'", "found '2'");
  CHECK_THROWS(zoo::InvalidFile, parse("[1, 2", "m.json"), "m.json:1:6", "the end of the file");
  for (const char* bad :
       {"", "  ", "[1,]", "{\"a\":1,}", "{a:1}", "[1] x", "01", "+1", "1.", ".5", "1e", "-", "NaN", "Infinity", "nul", "'a'",
        "[1 2]", "{\"a\":1 \"b\":2}", "{\"a\":1,\"a\":2}", "\"a", "\"\t\"", "\"\\x\"", "\"\\u12g4\"", "\"\\ud800\"",
        "\"\\udc00\"", "\"\\ud800\\u0041\"", "\"\xff\"", "\"\xc0\xaf\"", "\"\xed\xa0\x80\"", "\"\xe2\x88\"", "1e999",
        "[1] // no", "tru", "\"\\"})
    CHECK_THROWS(zoo::InvalidFile, parse(bad), "not valid JSON");
  CHECK_THROWS(zoo::InvalidFile, parse(std::string(100000, '[')), "at most 100 levels");
  CHECK_THROWS(zoo::InvalidFile, parse(std::string("[1,\0 2]", 7)), "byte 0");

  // errors of the content: the place in the document
  CHECK_THROWS(zoo::InvalidValue, root.at("a").array()[1].string(), "json.a[1]", "a string", "a number");
  CHECK_THROWS(zoo::InvalidValue, root.at("a").array()[3].integer(), "an integer");
  CHECK_THROWS(zoo::UnknownName, root.at("b").at("cc"), "unknown key 'cc' in json.b", "Did you mean 'c'", "d, e");
  CHECK_THROWS(zoo::InvalidFile, zoo::json::read("/no/such/file.json"), "/no/such/file.json", "cannot be opened");
  return report();
}
