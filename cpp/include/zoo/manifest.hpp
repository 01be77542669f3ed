// manifest.json: every tensor as the SavedModel, the frozen graph and ONNX know it, where the files lie, the goldens.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "zoo/json.hpp"
#include "zoo/tensor.hpp"

namespace zoo {

/// One named tensor of the model's interface.
struct TensorSpec {
  std::string name;
  Dtype dtype = Dtype::float32;
  Shape shape;  // -1: any size; the first axis is the batch
  std::string unit;
  std::vector<std::string> features;  // names of the entries of the last axis; may be empty
  std::string mask_of;                // of a mask: the input whose real entries it marks
  std::string saved_model;            // graph tensor of serving_default, e.g. "serving_default_hits:0"
  std::string frozen;                 // bare node name, e.g. "hits"
};

/// Public name of a tensor -> name in the graph.
struct Signature {
  std::map<std::string, std::string> inputs, outputs;
};

namespace detail {

template <class Map>
std::vector<std::string> keys(const Map& map) {
  std::vector<std::string> names;
  for (const auto& item : map) names.push_back(item.first);
  return names;
}

inline Dtype parse_dtype(const json::Value& value) {
  if (value.string() == "float32") return Dtype::float32;
  if (value.string() == "int64") return Dtype::int64;
  throw InvalidValue(value.place(), "float32 or int64", value.string());
}

inline std::string text_or_empty(const json::Value& object, const std::string& key) {
  return object.contains(key) && !object.at(key).is_null() ? object.at(key).string() : "";
}

inline std::map<std::string, std::string> texts(const json::Value& object) {
  std::map<std::string, std::string> out;
  for (const auto& [key, value] : object.object()) out.emplace(key, value.string());
  return out;
}

inline std::vector<TensorSpec> parse_specs(const json::Value& list) {
  std::vector<TensorSpec> specs;
  for (const json::Value& item : list.array()) {
    TensorSpec spec;
    spec.name = item.at("name").string();
    spec.dtype = parse_dtype(item.at("dtype"));
    for (const json::Value& size : item.at("shape").array())
      spec.shape.push_back(size.is_null() ? -1 : size.integer());
    spec.unit = text_or_empty(item, "unit");
    if (item.contains("features") && !item.at("features").is_null())
      for (const json::Value& feature : item.at("features").array()) spec.features.push_back(feature.string());
    spec.mask_of = text_or_empty(item, "mask_of");
    spec.saved_model = text_or_empty(item, "saved_model");
    spec.frozen = text_or_empty(item, "frozen");
    specs.push_back(std::move(spec));
  }
  return specs;
}

/// Manifests of the first releases have no `mask_of`: there the set `x` or `xs` is the input that has an `x_mask`.
inline void name_masks_of_first_releases(std::vector<TensorSpec>& inputs) {
  for (const TensorSpec& spec : inputs)
    if (!spec.mask_of.empty()) return;
  for (TensorSpec& mask : inputs)
    for (const TensorSpec& set : inputs) {
      const bool plural = set.name.size() > 1 && set.name.back() == 's';
      const std::string one = plural ? set.name.substr(0, set.name.size() - 1) : set.name;
      if (mask.name == set.name + "_mask" || mask.name == one + "_mask") mask.mask_of = set.name;
    }
}

}  // namespace detail

/// What a tag's folder holds. All look-ups fail with the names that would have worked.
class Manifest {
 public:
  static constexpr std::int64_t kFormat = 1;

  /// Reads `<folder>/manifest.json`.
  static Manifest read(const std::string& folder) {
    if (!std::filesystem::is_directory(folder))
      throw InvalidFile(folder, "no such folder. Expected the folder of a tag, e.g. saved_models/drn/barrel_v1");
    const std::string path = (std::filesystem::path(folder) / "manifest.json").string();
    if (!std::filesystem::exists(path))
      throw InvalidFile(path, "missing. Expected the folder of a tag as `zoo export` writes it");
    return {json::read(path), folder};
  }

  Manifest(const json::Value& root, std::string folder) : folder_(std::move(folder)), place_(root.place()) {
    if (root.at("format").integer() != kFormat)
      throw InvalidValue(place_ + ".format", std::to_string(kFormat) + ", which this client reads",
                         std::to_string(root.at("format").integer()));
    model_ = root.at("model").string();
    tag_ = detail::text_or_empty(root, "tag");
    inputs_ = detail::parse_specs(root.at("inputs"));
    detail::name_masks_of_first_releases(inputs_);
    outputs_ = detail::parse_specs(root.at("outputs"));
    for (const auto& [name, value] : root.at("signatures").object())
      signatures_[name] = {detail::texts(value.at("inputs")), detail::texts(value.at("outputs"))};
    for (const auto& [name, value] : root.at("artefacts").object()) artefacts_[name] = value.at("path").string();
    if (root.contains("golden") && !root.at("golden").is_null()) {
      const json::Value& golden = root.at("golden");
      golden_inputs_ = detail::texts(golden.at("inputs"));
      golden_outputs_ = detail::texts(golden.at("outputs"));
      if (golden.contains("cases"))
        for (const json::Value& name : golden.at("cases").array()) cases_.push_back(name.string());
    }
    if (root.contains("tolerance")) tolerance_ = root.at("tolerance").number();
  }

  /// "drn.barrel_v1"
  std::string name() const { return tag_.empty() ? model_ : model_ + "." + tag_; }
  const std::vector<TensorSpec>& inputs() const { return inputs_; }
  const std::vector<TensorSpec>& outputs() const { return outputs_; }
  const std::map<std::string, Signature>& signatures() const { return signatures_; }
  const std::vector<std::string>& cases() const { return cases_; }
  double tolerance() const { return tolerance_; }

  const TensorSpec& input(const std::string& name) const { return find(inputs_, "input tensor", name); }
  const TensorSpec& output(const std::string& name) const { return find(outputs_, "output tensor", name); }

  const Signature& signature(const std::string& name) const {
    const auto found = signatures_.find(name);
    if (found == signatures_.end()) throw UnknownName("signature", name, detail::keys(signatures_), place_);
    return found->second;
  }

  /// Bare node names of the frozen graph; it has one interface, the padded one.
  Signature frozen_signature() const {
    Signature signature;
    for (const TensorSpec& spec : inputs_) signature.inputs[spec.name] = frozen_name(spec);
    for (const TensorSpec& spec : outputs_) signature.outputs[spec.name] = frozen_name(spec);
    return signature;
  }

  bool has_artefact(const std::string& name) const { return artefacts_.count(name) != 0; }

  /// Path of the artefact "saved_model", "frozen", ...; it is there.
  std::string artefact(const std::string& name) const {
    const auto found = artefacts_.find(name);
    if (found == artefacts_.end()) throw UnknownName("artefact", name, detail::keys(artefacts_), place_);
    return existing(found->second);
  }

  std::string golden_input(const std::string& name) const { return golden(golden_inputs_, "golden input", name); }
  std::string golden_output(const std::string& name) const { return golden(golden_outputs_, "golden output", name); }

  /// The name of the mask of a set of nodes, or "" where `name` is no set.
  std::string mask_of(const std::string& name) const {
    for (const TensorSpec& spec : inputs_)
      if (!name.empty() && spec.mask_of == name) return spec.name;
    return "";
  }

 private:
  const TensorSpec& find(const std::vector<TensorSpec>& specs, const char* kind, const std::string& name) const {
    std::vector<std::string> names;
    for (const TensorSpec& spec : specs) {
      if (spec.name == name) return spec;
      names.push_back(spec.name);
    }
    throw UnknownName(kind, name, names, place_);
  }

  std::string frozen_name(const TensorSpec& spec) const {
    if (spec.frozen.empty()) throw InvalidFile(place_, "tensor '" + spec.name + "' has no name in the frozen graph");
    return spec.frozen;
  }

  std::string golden(const std::map<std::string, std::string>& files, const char* kind, const std::string& name) const {
    const auto found = files.find(name);
    if (found == files.end()) throw UnknownName(kind, name, detail::keys(files), place_);
    return existing(found->second);
  }

  std::string existing(const std::string& relative) const {
    const std::filesystem::path path = std::filesystem::path(folder_) / relative;
    if (!std::filesystem::exists(path)) throw InvalidFile(path.string(), "missing, but " + place_ + " names it");
    return path.string();
  }

  std::string folder_, place_, model_, tag_;
  std::vector<TensorSpec> inputs_, outputs_;
  std::map<std::string, Signature> signatures_;
  std::map<std::string, std::string> artefacts_, golden_inputs_, golden_outputs_;
  std::vector<std::string> cases_;
  double tolerance_ = 1e-5;
};

}  // namespace zoo
