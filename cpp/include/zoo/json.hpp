// A strict reader of JSON (RFC 8259), enough for manifest.json; it does not write.
//
// Strict means: no comments, no trailing commas, no NaN, no duplicate keys, valid UTF-8, nothing after the value.
// Errors name the line and the column. Look-ups name the place in the document, e.g. `inputs[2].shape`.
#pragma once

#include <charconv>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "zoo/errors.hpp"

namespace zoo::json {

class Value;
using Array = std::vector<Value>;
using Object = std::map<std::string, Value>;

/// One JSON value that knows where in the document it stands.
class Value {
 public:
  using Content = std::variant<std::nullptr_t, bool, double, std::string, Array, Object>;

  Value() = default;
  Value(Content content, std::string place) : content_(std::move(content)), place_(std::move(place)) {}

  bool is_null() const { return std::holds_alternative<std::nullptr_t>(content_); }
  bool boolean() const { return get<bool>("true or false"); }
  double number() const { return get<double>("a number"); }
  const std::string& string() const { return get<std::string>("a string"); }
  const Array& array() const { return get<Array>("an array"); }
  const Object& object() const { return get<Object>("an object"); }
  const std::string& place() const { return place_; }

  std::int64_t integer() const {
    const double value = get<double>("an integer");
    if (std::nearbyint(value) != value || std::abs(value) > 9007199254740992.0)  // 2^53: exact in a double
      throw InvalidValue(place_, "an integer", std::to_string(value));
    return static_cast<std::int64_t>(value);
  }

  bool contains(const std::string& key) const { return object().count(key) != 0; }

  /// The member `key`; an error that lists the keys there are if it is missing.
  const Value& at(const std::string& key) const {
    const auto found = object().find(key);
    if (found != object().end()) return found->second;
    std::vector<std::string> keys;
    for (const auto& member : object()) keys.push_back(member.first);
    throw UnknownName("key", key, keys, place_);
  }

 private:
  template <class T>
  const T& get(const char* expected) const {
    if (const T* held = std::get_if<T>(&content_)) return *held;
    static const char* const kinds[] = {"null", "a boolean", "a number", "a string", "an array", "an object"};
    throw InvalidValue(place_, expected, kinds[content_.index()]);
  }

  Content content_ = nullptr;
  std::string place_;
};

namespace detail {

class Parser {
 public:
  Parser(const std::string& text, const std::string& source) : text_(text), source_(source) {}

  Value document() {
    Value value = parse(source_);
    skip_space();
    if (at_ < text_.size()) fail("the end of the document");
    return value;
  }

 private:
  static constexpr int kMaxDepth = 100;  // a recursive reader must not be driven out of its stack

  [[noreturn]] void fail(const std::string& expected) const {
    std::size_t line = 1, column = 1;
    for (std::size_t i = 0; i < at_ && i < text_.size(); ++i) {
      if (text_[i] == '\n') { ++line; column = 1; } else { ++column; }
    }
    std::string came = "the end of the file";
    if (at_ < text_.size()) {
      const unsigned char c = static_cast<unsigned char>(text_[at_]);
      came = c >= 0x20 && c < 0x7f ? "'" + std::string(1, text_[at_]) + "'" : "byte " + std::to_string(c);
    }
    throw InvalidFile(source_ + ":" + std::to_string(line) + ":" + std::to_string(column),
                      "not valid JSON: expected " + expected + ", found " + came);
  }

  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool is_digit() const { return peek() >= '0' && peek() <= '9'; }

  void skip_space() {
    while (at_ < text_.size() && std::string(" \t\r\n").find(text_[at_]) != std::string::npos) ++at_;
  }

  bool take(char c) {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  Value parse(const std::string& place) {
    skip_space();
    switch (peek()) {
      case '{': return {object(place), place};
      case '[': return {array(place), place};
      case '"': return {string(), place};
      case 't': word("true"); return {true, place};
      case 'f': word("false"); return {false, place};
      case 'n': word("null"); return {nullptr, place};
      default: return {number(), place};
    }
  }

  void word(const char* expected) {
    const std::string w = expected;
    if (text_.compare(at_, w.size(), w) != 0) fail("a value");
    at_ += w.size();
  }

  double number() {
    const std::size_t begin = at_;
    if (peek() == '-') ++at_;
    if (!is_digit()) { at_ = begin; fail("a value"); }
    if (peek() == '0') ++at_; else while (is_digit()) ++at_;
    if (is_digit()) fail("a number without leading zeros");
    if (peek() == '.') digits_after_sign(false);
    if (peek() == 'e' || peek() == 'E') digits_after_sign(true);
    double value = 0;
    const auto result = std::from_chars(text_.data() + begin, text_.data() + at_, value);
    if (result.ec != std::errc()) { at_ = begin; fail("a number within the range of a double"); }
    return value;
  }

  void digits_after_sign(bool sign) {
    ++at_;
    if (sign && (peek() == '+' || peek() == '-')) ++at_;
    if (!is_digit()) fail("a digit");
    while (is_digit()) ++at_;
  }

  Array array(const std::string& place) {
    enter();
    Array values;
    if (!take(']')) {
      do values.push_back(parse(place + "[" + std::to_string(values.size()) + "]"));
      while (take(','));
      if (!take(']')) fail("',' or ']'");
    }
    --depth_;
    return values;
  }

  Object object(const std::string& place) {
    enter();
    Object members;
    if (!take('}')) {
      do {
        skip_space();
        const std::size_t begin = at_;
        if (peek() != '"') fail("a key in double quotes");
        std::string key = string();
        if (members.count(key) != 0) { at_ = begin; fail("every key once, not '" + key + "' again"); }
        if (!take(':')) fail("':'");
        Value value = parse(place + "." + key);
        members.emplace(std::move(key), std::move(value));
      } while (take(','));
      if (!take('}')) fail("',' or '}'");
    }
    --depth_;
    return members;
  }

  void enter() {
    if (++depth_ > kMaxDepth) fail("at most " + std::to_string(kMaxDepth) + " levels");
    ++at_;
  }

  std::string string() {
    ++at_;  // the opening quote
    std::string out;
    while (true) {
      if (at_ >= text_.size()) fail("a closing '\"'");
      const unsigned char c = static_cast<unsigned char>(text_[at_]);
      if (c < 0x20) fail("an escape instead of a control character");
      if (c >= 0x80) { utf8(out); continue; }
      ++at_;
      if (c == '"') return out;
      if (c == '\\') escape(out); else out += static_cast<char>(c);
    }
  }

  void escape(std::string& out) {
    static const std::string from = "\"\\/bfnrt", to = "\"\\/\b\f\n\r\t";
    const char c = peek();
    const std::size_t index = c == '\0' ? std::string::npos : from.find(c);
    if (index != std::string::npos) { out += to[index]; ++at_; return; }
    if (c != 'u') fail("one of \"\\/bfnrtu after a backslash");
    std::uint32_t code = hex4();
    if (code >= 0xD800 && code < 0xDC00) {  // first half of a surrogate pair
      if (text_.compare(at_, 2, "\\u") != 0) fail("the second half of a surrogate pair");
      ++at_;
      const std::uint32_t low = hex4();
      if (low < 0xDC00 || low > 0xDFFF) fail("the second half of a surrogate pair before this");
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    } else if (code >= 0xDC00 && code <= 0xDFFF) {
      fail("the first half of a surrogate pair before this");
    }
    append(out, code);
  }

  std::uint32_t hex4() {
    ++at_;  // the u
    std::uint32_t code = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      const unsigned char c = static_cast<unsigned char>(peek());
      if (std::isxdigit(c) == 0) fail("four hexadecimal digits");
      code = 16 * code + static_cast<std::uint32_t>(std::isdigit(c) != 0 ? c - '0' : std::tolower(c) - 'a' + 10);
    }
    return code;
  }

  static void append(std::string& out, std::uint32_t code) {
    const auto tail = [&](int shift) { out += static_cast<char>(0x80 | ((code >> shift) & 0x3F)); };
    if (code < 0x80) {
      out += static_cast<char>(code);
    } else if (code < 0x800) {
      out += static_cast<char>(0xC0 | (code >> 6)); tail(0);
    } else if (code < 0x10000) {
      out += static_cast<char>(0xE0 | (code >> 12)); tail(6); tail(0);
    } else {
      out += static_cast<char>(0xF0 | (code >> 18)); tail(12); tail(6); tail(0);
    }
  }

  /// Copies one character of two to four bytes; overlong forms and surrogates are refused.
  void utf8(std::string& out) {
    const auto byte = [&](std::size_t i) { return i < text_.size() ? static_cast<unsigned char>(text_[i]) : 0U; };
    const unsigned first = byte(at_);
    const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    std::uint32_t code = first & (0x7FU >> length);
    bool good = first >= 0xC2 && first <= 0xF4;
    for (std::size_t i = 1; good && i < length; ++i) {
      good = (byte(at_ + i) & 0xC0U) == 0x80U;
      code = (code << 6) | (byte(at_ + i) & 0x3FU);
    }
    static constexpr std::uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (!good || code < smallest[length] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) fail("valid UTF-8");
    out.append(text_, at_, length);
    at_ += length;
  }

  const std::string& text_;
  const std::string source_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace detail

/// Parses a whole document. `source` names it in error messages.
inline Value parse(const std::string& text, const std::string& source = "json") {
  return detail::Parser(text, source).document();
}

/// Reads and parses a file.
inline Value read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw InvalidFile(path, "cannot be opened");
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (file.bad()) throw InvalidFile(path, "cannot be read");
  return parse(text, path);
}

}  // namespace zoo::json
