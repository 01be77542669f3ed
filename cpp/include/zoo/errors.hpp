// Exceptions of the client: each says what was expected, what came, and the nearest valid choice.
//
//   Error            base of all of them (a std::runtime_error)
//   UnknownName      a tensor, signature or key that does not exist; lists the nearest names
//   InvalidValue     a tensor or an option of the wrong type, shape or value
//   InvalidFile      a file that is missing, truncated or foreign
//   TensorFlowError  TensorFlow itself refused
#pragma once

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace zoo {

class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class InvalidValue : public Error {
 public:
  InvalidValue(const std::string& what, const std::string& expected, const std::string& received)
      : Error(what + ": expected " + expected + ". Received: " + received) {}
};

class InvalidFile : public Error {
 public:
  InvalidFile(const std::string& path, const std::string& problem) : Error(path + ": " + problem) {}
};

class TensorFlowError : public Error {
 public:
  TensorFlowError(const std::string& doing, const std::string& message)
      : Error("TensorFlow failed while " + doing + ": " + message) {}
};

namespace detail {

/// Smallest number of inserted, deleted or replaced characters between two words, letter case ignored.
inline std::size_t edit_distance(const std::string& a, const std::string& b) {
  const auto lower = [](char c) { return std::tolower(static_cast<unsigned char>(c)); };
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

}  // namespace detail

class UnknownName : public Error {
 public:
  UnknownName(const std::string& kind, const std::string& received, std::vector<std::string> choices,
              const std::string& where)
      : Error("unknown " + kind + " '" + received + "' in " + where + ". " + offer(received, std::move(choices))) {}

 private:
  /// The nearest name first, then all the others.
  static std::string offer(const std::string& received, std::vector<std::string> choices) {
    if (choices.empty()) return "There is none.";
    std::stable_sort(choices.begin(), choices.end(), [&](const std::string& a, const std::string& b) {
      return detail::edit_distance(received, a) < detail::edit_distance(received, b);
    });
    const bool near = 2 * detail::edit_distance(received, choices[0]) <= std::max(received.size(), choices[0].size());
    std::string text = near ? "Did you mean '" + choices[0] + "'? Valid: " : "Valid: ";
    for (std::size_t i = 0; i < choices.size(); ++i) text += (i == 0 ? "" : ", ") + choices[i];
    return text + ".";
  }
};

}  // namespace zoo
