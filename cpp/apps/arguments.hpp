// Command line of the apps: positional arguments and `--name value`.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "zoo/errors.hpp"
#include "zoo/model.hpp"

struct Arguments {
  std::vector<std::string> positional;
  std::map<std::string, std::string> options;

  /// `known` holds the defaults of all options.
  Arguments(int argc, char** argv, std::map<std::string, std::string> known) : options(std::move(known)) {
    for (int i = 1; i < argc; ++i) {
      const std::string word = argv[i];
      if (word.rfind("--", 0) != 0) {
        positional.push_back(word);
        continue;
      }
      const std::string name = word.substr(2);
      if (options.count(name) == 0) throw zoo::UnknownName("option", name, zoo::detail::keys(options), argv[0]);
      if (i + 1 == argc) throw zoo::InvalidValue("--" + name, "a value", "nothing");
      options[name] = argv[++i];
    }
  }

  const std::string& text(const std::string& name) const { return options.at(name); }

  double number(const std::string& name, double least) const {
    const std::string& value = options.at(name);
    char* end = nullptr;
    const double parsed = std::strtod(value.c_str(), &end);
    if (value.empty() || *end != '\0' || !(parsed >= least))
      throw zoo::InvalidValue("--" + name, "a number of at least " + std::to_string(least), value);
    return parsed;
  }

  int count(const std::string& name, int least) const { return static_cast<int>(number(name, least)); }

  zoo::Backend backend() const {
    const std::string& value = options.at("backend");
    if (value == "saved_model") return zoo::Backend::saved_model;
    if (value == "frozen") return zoo::Backend::frozen;
    throw zoo::UnknownName("backend", value, {"saved_model", "frozen"}, "--backend");
  }
};
