// A test is a program: CHECK counts failures, CHECK_THROWS wants an exception whose message holds all given words.
#pragma once

#include <cstdio>
#include <initializer_list>
#include <string>

#include "zoo/errors.hpp"

inline int& failures() {
  static int count = 0;
  return count;
}

inline void check(bool good, const char* what, const char* file, int line) {
  if (good) return;
  std::printf("%s:%d: failed: %s\n", file, line, what);
  ++failures();
}

template <class Error, class Function>
void check_throws(Function function, std::initializer_list<const char*> words, const char* file, int line) {
  try {
    function();
  } catch (const Error& error) {
    for (const char* word : words)
      if (std::string(error.what()).find(word) == std::string::npos) {
        std::printf("%s:%d: '%s' is not in the message: %s\n", file, line, word, error.what());
        ++failures();
      }
    return;
  } catch (const std::exception& error) {
    std::printf("%s:%d: another exception: %s\n", file, line, error.what());
    ++failures();
    return;
  }
  std::printf("%s:%d: no exception\n", file, line);
  ++failures();
}

#define CHECK(condition) check((condition), #condition, __FILE__, __LINE__)
#define CHECK_THROWS(error, expression, ...) \
  check_throws<error>([&] { (void)(expression); }, {__VA_ARGS__}, __FILE__, __LINE__)

inline int report() {
  std::printf("%s\n", failures() == 0 ? "passed" : "FAILED");
  return failures() == 0 ? 0 : 1;
}
