// One exported model: loads the SavedModel or the frozen graph, checks what goes in, runs it. Thread-safe.
//
//   const zoo::Model drn("saved_models/drn/barrel_v1");
//   const zoo::Tensors out = drn.run({{"hits", hits}, {"hit_mask", mask}, {"event", event}});
//
// No TensorFlow type appears in the interface. Everything runs on the CPU.
#pragma once

#include <tensorflow/c/c_api.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "zoo/manifest.hpp"
#include "zoo/tensor.hpp"

namespace zoo {

enum class Backend { saved_model, frozen };

inline std::string to_string(Backend backend) { return backend == Backend::frozen ? "frozen" : "saved_model"; }

struct Options {
  Backend backend = Backend::saved_model;
  /// "serving_default" (padded, hits [B,N,F] and hit_mask [B,N]) or "flat" (hits [T,F] and row_splits [B+1]).
  std::string signature = "serving_default";
  /// 1: everything runs in the thread that calls `run`, the fastest for small batches and the way of one thread per
  /// stream. n: TensorFlow's own pools of n threads. 0: as many as TensorFlow likes.
  /// The pools belong to the process: where several models ask for different sizes, the first one decides.
  int threads = 1;
  /// One run at construction, so that the first event does not pay the 0.5 s of the graph optimisation.
  bool warm_up = true;
};

namespace detail {

struct Delete {
  void operator()(TF_Status* x) const { TF_DeleteStatus(x); }
  void operator()(TF_Graph* x) const { TF_DeleteGraph(x); }
  void operator()(TF_Tensor* x) const { TF_DeleteTensor(x); }
  void operator()(TF_SessionOptions* x) const { TF_DeleteSessionOptions(x); }
  void operator()(TF_ImportGraphDefOptions* x) const { TF_DeleteImportGraphDefOptions(x); }
  void operator()(TF_Session* x) const {
    TF_Status* status = TF_NewStatus();
    TF_CloseSession(x, status);  // nothing can be done about a failure here
    TF_DeleteSession(x, status);
    TF_DeleteStatus(status);
  }
};

template <class T>
using Owned = std::unique_ptr<T, Delete>;

/// A TF_Status that becomes an exception.
class Status {
 public:
  operator TF_Status*() const { return status_.get(); }
  void check(const std::string& doing) const {
    if (TF_GetCode(status_.get()) != TF_OK) throw TensorFlowError(doing, TF_Message(status_.get()));
  }

 private:
  Owned<TF_Status> status_{TF_NewStatus()};
};

/// A serialised ConfigProto. The C API has no other way to say it: tag byte of the field, then the value.
inline std::string session_config(int threads) {
  if (threads < 0 || threads > 127)  // up to 127 a protobuf integer is a single byte
    throw InvalidValue("Options::threads", "0 (automatic) to 127", std::to_string(threads));
  std::string bytes("\x0A\x07\x0A\x03GPU\x10\x00", 9);  // device_count {GPU: 0}
  if (threads == 0) return bytes;
  const char n = static_cast<char>(threads);
  bytes += {'\x10', n, '\x28'};  // intra_op_parallelism_threads = n, inter_op_parallelism_threads = ...
  // -1: operations run in the calling thread. With 1, all streams would wait for a single thread of a pool.
  return bytes + (threads == 1 ? "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01" : std::string(1, n));
}

inline Dtype dtype_of(TF_DataType type, const std::string& what) {
  if (type == TF_FLOAT) return Dtype::float32;
  if (type == TF_INT64) return Dtype::int64;
  throw InvalidValue(what, "float32 or int64", "TF_DataType " + std::to_string(static_cast<int>(type)));
}

inline Owned<TF_Tensor> to_tensorflow(const Tensor& tensor) {
  const TF_DataType type = tensor.dtype() == Dtype::float32 ? TF_FLOAT : TF_INT64;
  Owned<TF_Tensor> out(
      TF_AllocateTensor(type, tensor.shape().data(), static_cast<int>(tensor.rank()), tensor.bytes()));
  if (!out) throw TensorFlowError("allocating " + std::to_string(tensor.bytes()) + " bytes", "out of memory");
  if (tensor.bytes() > 0) std::memcpy(TF_TensorData(out.get()), tensor.raw(), tensor.bytes());
  return out;
}

inline Tensor from_tensorflow(const TF_Tensor* tensor, const std::string& name) {
  Shape shape;
  for (int axis = 0; axis < TF_NumDims(tensor); ++axis) shape.push_back(TF_Dim(tensor, axis));
  Tensor out = Tensor::filled(dtype_of(TF_TensorType(tensor), name), shape, 0);
  if (out.bytes() > 0) std::memcpy(out.raw(), TF_TensorData(tensor), out.bytes());
  return out;
}

}  // namespace detail

class Model {
 public:
  /// Loads from the folder of a tag (the one with manifest.json), checks the graph against the manifest, warms up.
  explicit Model(const std::string& folder, Options options = {})
      : manifest_(Manifest::read(folder)), options_(std::move(options)) {
    const bool frozen = options_.backend == Backend::frozen;
    if (frozen && options_.signature != "serving_default")
      throw InvalidValue("Options::signature", "serving_default, the only interface of a frozen graph",
                         options_.signature);
    const Signature signature =
        frozen ? manifest_.frozen_signature() : manifest_.signature(options_.signature);
    name_ = manifest_.name() + " (" + to_string(options_.backend) + ", " + options_.signature + ")";
    frozen ? load_frozen() : load_saved_model();
    for (const auto& [name, node] : signature.inputs) inputs_.push_back(input_port(name, node));
    for (const auto& [name, node] : signature.outputs) outputs_.push_back(output_port(name, node));
    for (const Port& port : inputs_) {
      const std::string mask = manifest_.mask_of(port.spec.name);
      for (const Port& other : inputs_)
        if (other.spec.name == mask) masks_.emplace_back(port.spec.name, mask);
    }
    if (options_.warm_up) run(example());
  }

  /// Runs one batch; any number of threads may call it at once. A batch of zero objects gives empty outputs.
  Tensors run(const Tensors& inputs) const {
    const std::int64_t batch = check(inputs);
    if (batch == 0) return empty_outputs();  // graphs with top-k or pooling need not survive it
    std::vector<detail::Owned<TF_Tensor>> owned;
    std::vector<TF_Tensor*> fed, fetched(outputs_.size(), nullptr);
    std::vector<TF_Output> from, to;
    for (const Port& port : inputs_) {
      owned.push_back(detail::to_tensorflow(inputs.at(port.spec.name)));
      fed.push_back(owned.back().get());
      from.push_back(port.node);
    }
    for (const Port& port : outputs_) to.push_back(port.node);
    const detail::Status status;
    TF_SessionRun(session_.get(), nullptr, from.data(), fed.data(), static_cast<int>(fed.size()), to.data(),
                  fetched.data(), static_cast<int>(to.size()), nullptr, 0, nullptr, status);
    std::vector<detail::Owned<TF_Tensor>> results(fetched.begin(), fetched.end());
    status.check("running " + name_);
    Tensors out;
    for (std::size_t i = 0; i < outputs_.size(); ++i)
      out.emplace(outputs_[i].spec.name, detail::from_tensorflow(results[i].get(), outputs_[i].spec.name));
    return out;
  }

  const Manifest& manifest() const { return manifest_; }
  const Options& options() const { return options_; }
  /// "drn.barrel_v1 (saved_model, serving_default)"
  const std::string& name() const { return name_; }

  /// What `run` expects, in this signature.
  std::vector<TensorSpec> inputs() const { return specs(inputs_); }
  std::vector<TensorSpec> outputs() const { return specs(outputs_); }

  /// One object with one node, every feature 1: a valid input, as used for the warm-up.
  Tensors example() const {
    Tensors inputs;
    for (const Port& port : inputs_) {
      Shape shape = port.spec.shape;
      for (std::int64_t& n : shape) n = n < 0 ? 1 : n;
      inputs.emplace(port.spec.name, port.spec.name == kRowSplits ? Tensor::int64({2}, {0, 1})
                                                                  : Tensor::filled(port.spec.dtype, shape, 1));
    }
    return inputs;
  }

 private:
  static constexpr const char* kRowSplits = "row_splits";

  struct Port {
    TensorSpec spec;
    TF_Output node;
  };

  static std::vector<TensorSpec> specs(const std::vector<Port>& ports) {
    std::vector<TensorSpec> out;
    for (const Port& port : ports) out.push_back(port.spec);
    return out;
  }

  detail::Owned<TF_SessionOptions> session_options(const detail::Status& status) const {
    detail::Owned<TF_SessionOptions> session_options(TF_NewSessionOptions());
    const std::string config = detail::session_config(options_.threads);
    TF_SetConfig(session_options.get(), config.data(), config.size(), status);
    status.check("setting the number of threads");
    return session_options;
  }

  void load_saved_model() {
    const std::string path = manifest_.artefact("saved_model");
    if (!std::filesystem::exists(std::filesystem::path(path) / "saved_model.pb"))
      throw InvalidFile(path, "not a SavedModel: saved_model.pb is missing");
    const detail::Status status;
    const char* const tags[] = {"serve"};
    session_.reset(TF_LoadSessionFromSavedModel(session_options(status).get(), nullptr, path.c_str(), tags, 1,
                                                graph_.get(), nullptr, status));
    status.check("loading " + path);
  }

  void load_frozen() {
    const std::string path = manifest_.artefact("frozen");
    std::ifstream file(path, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    if (!file) throw InvalidFile(path, "cannot be read");
    const TF_Buffer buffer{bytes.data(), bytes.size(), nullptr};
    const detail::Status status;
    const detail::Owned<TF_ImportGraphDefOptions> import(TF_NewImportGraphDefOptions());
    TF_GraphImportGraphDef(graph_.get(), &buffer, import.get(), status);
    status.check("importing the graph " + path);
    session_.reset(TF_NewSession(graph_.get(), session_options(status).get(), status));
    status.check("creating a session for " + path);
  }

  /// Finds "node" or "node:k" in the graph.
  TF_Output find(const std::string& tensor, const std::string& node) const {
    const std::size_t colon = node.rfind(':');
    const std::string name = node.substr(0, colon);
    const std::string digits = colon == std::string::npos ? "0" : node.substr(colon + 1);
    if (digits.empty() || digits.size() > 4 || digits.find_first_not_of("0123456789") != std::string::npos)
      throw InvalidValue("manifest name of '" + tensor + "'", "node or node:index", node);
    TF_Output port{TF_GraphOperationByName(graph_.get(), name.c_str()), std::stoi(digits)};
    if (port.oper == nullptr || port.index >= TF_OperationNumOutputs(port.oper))
      throw InvalidFile(name_, "the manifest names tensor '" + tensor + "' as '" + node +
                                   "', which the graph does not have; the two are of different exports");
    return port;
  }

  /// The specification of an input in this signature: in "flat" a set [B,N,F] becomes rows [T,F].
  Port input_port(const std::string& name, const std::string& node) const {
    Port port{{}, find(name, node)};
    if (name == kRowSplits) {
      port.spec.name = name;
      port.spec.dtype = Dtype::int64;
      port.spec.shape = {-1};
    } else {
      port.spec = manifest_.input(name);
      if (options_.signature == "flat" && !manifest_.mask_of(name).empty())
        port.spec.shape.erase(port.spec.shape.begin());
    }
    const detail::Status status;
    const int rank = TF_GraphGetTensorNumDims(graph_.get(), port.node, status);
    Shape shape(static_cast<std::size_t>(rank < 0 ? 0 : rank), -1);
    if (rank > 0) TF_GraphGetTensorShape(graph_.get(), port.node, shape.data(), rank, status);
    bool good = detail::dtype_of(TF_OperationOutputType(port.node), name) == port.spec.dtype;
    if (rank >= 0) {
      good = good && shape.size() == port.spec.shape.size();
      for (std::size_t axis = 0; good && axis < shape.size(); ++axis)
        good = shape[axis] < 0 || shape[axis] == port.spec.shape[axis];
    }
    if (!good)
      throw InvalidFile(name_, "input '" + name + "' is " + to_string(port.spec.dtype) + " " +
                                   to_string(port.spec.shape) + " in the manifest, but in the graph it has shape " +
                                   to_string(shape));
    return port;
  }

  Port output_port(const std::string& name, const std::string& node) const {
    return {manifest_.output(name), find(name, node)};
  }

  /// Checks names, types and shapes; returns the number of objects.
  std::int64_t check(const Tensors& inputs) const {
    for (const auto& item : inputs) {
      std::vector<std::string> names;
      for (const Port& port : inputs_) names.push_back(port.spec.name);
      if (std::find(names.begin(), names.end(), item.first) == names.end())
        throw UnknownName("input tensor", item.first, names, name_);
    }
    std::int64_t batch = -1;
    for (const Port& port : inputs_) {
      const TensorSpec& spec = port.spec;
      const auto found = inputs.find(spec.name);
      if (found == inputs.end())
        throw InvalidValue(name_, "input '" + spec.name + "', " + describe(spec.dtype, spec.shape), "nothing");
      const Tensor& tensor = found->second;
      if (tensor.dtype() != spec.dtype || !fits(tensor.shape(), spec.shape))
        throw InvalidValue(name_ + ", input '" + spec.name + "'", describe(spec.dtype, spec.shape),
                           describe(tensor.dtype(), tensor.shape()));
      if (is_rows(spec)) continue;  // its first axis counts nodes
      const std::int64_t objects = tensor.shape().at(0) - (spec.name == kRowSplits ? 1 : 0);
      if (objects < 0) throw InvalidValue("row_splits", "at least one entry, the 0", "none");
      if (batch >= 0 && objects != batch)
        throw InvalidValue(name_ + ", input '" + spec.name + "'",
                           std::to_string(batch) + " objects like '" + inputs_[0].spec.name + "'",
                           std::to_string(objects));
      batch = objects;
    }
    for (const auto& [set, mask] : masks_) {
      const Shape &a = inputs.at(set).shape(), &b = inputs.at(mask).shape();
      const Shape nodes(a.begin(), a.end() - 1);  // all axes but the features
      if (b != nodes)
        throw InvalidValue(name_ + ", input '" + mask + "'", to_string(nodes) +
                           " like '" + set + "'", to_string(b));
    }
    if (options_.signature == "flat") check_row_splits(inputs);
    return batch;
  }

  void check_row_splits(const Tensors& inputs) const {
    const auto found = inputs.find(kRowSplits);
    if (found == inputs.end()) return;
    const std::vector<std::int64_t>& splits = found->second.values<std::int64_t>();
    for (std::size_t i = 1; i < splits.size(); ++i)
      if (splits[i] < splits[i - 1])
        throw InvalidValue("row_splits", "never decreasing", std::to_string(splits[i - 1]) + " before " +
                           std::to_string(splits[i]) + " at index " + std::to_string(i));
    for (const Port& port : inputs_) {
      if (!is_rows(port.spec)) continue;
      const std::int64_t rows = inputs.at(port.spec.name).shape()[0];
      if (splits.front() != 0 || splits.back() != rows)
        throw InvalidValue("row_splits", "0 first and " + std::to_string(rows) + " last, the rows of '" +
                           port.spec.name + "'", std::to_string(splits.front()) + " and " +
                           std::to_string(splits.back()));
    }
  }

  /// Whether the first axis counts nodes, not objects.
  bool is_rows(const TensorSpec& spec) const {
    return options_.signature == "flat" && !manifest_.mask_of(spec.name).empty();
  }

  static std::string describe(Dtype dtype, const Shape& shape) { return to_string(dtype) + " " + to_string(shape); }

  Tensors empty_outputs() const {
    Tensors out;
    for (const Port& port : outputs_) {
      Shape shape = port.spec.shape;
      for (std::int64_t& n : shape) n = n < 0 ? 0 : n;
      out.emplace(port.spec.name, Tensor::filled(port.spec.dtype, shape, 0));
    }
    return out;
  }

  Manifest manifest_;
  Options options_;
  std::string name_;
  detail::Owned<TF_Graph> graph_{TF_NewGraph()};
  detail::Owned<TF_Session> session_;  // after the graph: it must go first
  std::vector<Port> inputs_, outputs_;
  std::vector<std::pair<std::string, std::string>> masks_;  // set, its mask
};

}  // namespace zoo
