// A model of the zoo, whichever ZOO_TEST_MODEL names: all interfaces, wrong input, empty batches, threads.
#include <cstdlib>
#include <cstring>
#include <thread>

#include "check.hpp"
#include "zoo/batching.hpp"
#include "zoo/compare.hpp"
#include "zoo/model.hpp"
#include "zoo/npy.hpp"

namespace {

bool same_bits(const zoo::Tensors& a, const zoo::Tensors& b) {
  if (a.size() != b.size()) return false;
  for (const auto& [name, tensor] : a) {
    const zoo::Tensor& other = b.at(name);
    if (other.shape() != tensor.shape() || std::memcmp(other.raw(), tensor.raw(), tensor.bytes()) != 0) return false;
  }
  return true;
}

void agree(const zoo::Tensors& a, const zoo::Tensors& b, double tolerance) {
  for (const auto& [name, tensor] : a) CHECK(zoo::compare(tensor, b.at(name), tolerance).failed_rows.empty());
}

zoo::Tensors golden_inputs(const zoo::Manifest& manifest) {
  zoo::Tensors inputs;
  for (const zoo::TensorSpec& spec : manifest.inputs()) inputs[spec.name] = zoo::npy::read(manifest.golden_input(spec.name));
  return inputs;
}

/// Objects first to last-1 of padded inputs.
zoo::Tensors part(const zoo::Tensors& inputs, std::int64_t first, std::int64_t last) {
  zoo::Tensors out;
  for (const auto& [name, tensor] : inputs) out[name] = zoo::slice(tensor, first, last);
  return out;
}

/// Padded answers as "flat" gives them: those per node in rows.
zoo::Tensors in_rows(const zoo::Manifest& manifest, zoo::Tensors padded, const zoo::Tensors& flat, const zoo::Tensors& inputs) {
  for (auto& [name, tensor] : padded)
    if (tensor.rank() > flat.at(name).rank())
      tensor = zoo::flatten(tensor, inputs.at(manifest.mask_of(manifest.inputs()[0].name))).first;
  return padded;
}

void test_wrong_input(const zoo::Model& model, const zoo::Tensors& good) {
  const std::string first = good.begin()->first;
  const zoo::Tensor& tensor = good.begin()->second;
  zoo::Tensors bad = good;
  bad[first + "x"] = tensor;
  CHECK_THROWS(zoo::UnknownName, model.run(bad), ("unknown input tensor '" + first + "x'").c_str(),
               ("Did you mean '" + first + "'").c_str());
  bad = good;
  bad.erase(first);
  CHECK_THROWS(zoo::InvalidValue, model.run(bad), ("input '" + first + "'").c_str(), "nothing");
  bad = good;
  bad[first] = zoo::Tensor::filled(zoo::Dtype::int64, tensor.shape(), 1);
  CHECK_THROWS(zoo::InvalidValue, model.run(bad), "expected float32", "int64");
  bad = good;
  zoo::Shape shape = tensor.shape();
  shape.push_back(1);
  bad[first] = zoo::Tensor::filled(zoo::Dtype::float32, shape, 1);
  CHECK_THROWS(zoo::InvalidValue, model.run(bad), zoo::to_string(shape).c_str());
  shape = tensor.shape();
  shape[0] += 1;
  bad[first] = zoo::Tensor::filled(zoo::Dtype::float32, shape, 1);
  if (good.size() > 1) CHECK_THROWS(zoo::InvalidValue, model.run(bad), "objects");
  for (const zoo::TensorSpec& spec : model.inputs()) {
    const std::string mask = model.manifest().mask_of(spec.name);
    if (mask.empty() || good.count(mask) == 0) continue;
    bad = good;
    shape = good.at(mask).shape();
    shape[1] += 1;
    bad[mask] = zoo::Tensor::filled(zoo::Dtype::float32, shape, 1);
    CHECK_THROWS(zoo::InvalidValue, model.run(bad), mask.c_str(), ("like '" + spec.name + "'").c_str());
  }
}

void test_row_splits(const zoo::Model& model, const zoo::Tensors& good) {
  zoo::Tensors bad = good;
  std::vector<std::int64_t> splits = good.at("row_splits").values<std::int64_t>();
  const auto n = static_cast<std::int64_t>(splits.size());
  const auto with = [&](const std::vector<std::int64_t>& changed) {
    bad["row_splits"] = zoo::Tensor({static_cast<std::int64_t>(changed.size())}, changed);
    return model.run(bad);
  };
  ++splits.back();
  CHECK_THROWS(zoo::InvalidValue, with(splits), "row_splits", "last");
  splits.assign(static_cast<std::size_t>(n), 0);
  splits[0] = 5;
  CHECK_THROWS(zoo::InvalidValue, with(splits), "never decreasing", "index 1");
  CHECK_THROWS(zoo::InvalidValue, with({}), "row_splits", "at least one entry");
  const bool counted = good.size() > 2;  // by another input, of objects; else the rows alone tell
  CHECK_THROWS(zoo::InvalidValue, with(std::vector<std::int64_t>(static_cast<std::size_t>(n) + 1, 0)), counted ? "objects" : "last");
}

/// Four threads share one model, each with its own batches, and must get the bits of a single thread.
void test_threads(const zoo::Model& model, const zoo::Tensors& inputs, std::int64_t objects) {
  std::vector<zoo::Tensors> batches, expected;
  for (std::int64_t first = 0; first < objects; ++first) batches.push_back(part(inputs, first, std::min(objects, first + 1 + first % 3)));
  for (const zoo::Tensors& batch : batches) expected.push_back(model.run(batch));
  std::vector<int> different(4, 0);
  std::vector<std::thread> threads;
  for (std::size_t id = 0; id < different.size(); ++id)
    threads.emplace_back([&, id] {
      try {
        for (std::size_t i = 0; i < 2 * batches.size(); ++i) {
          const std::size_t k = (i + id) % batches.size();
          if (!same_bits(model.run(batches[k]), expected[k])) ++different[id];
        }
      } catch (const std::exception& error) {
        std::printf("thread %zu: %s\n", id, error.what());
        ++different[id];
      }
    });
  for (std::thread& thread : threads) thread.join();
  for (const int count : different) CHECK(count == 0);
}

}  // namespace

int main() try {
  const char* const folder = std::getenv("ZOO_TEST_MODEL");
  if (folder == nullptr || *folder == '\0') {
    std::printf("skipped: ZOO_TEST_MODEL names no folder\n");
    return 77;
  }
  const zoo::Model model(folder);
  const zoo::Manifest& manifest = model.manifest();
  const zoo::Tensors inputs = golden_inputs(manifest);
  const std::int64_t objects = inputs.begin()->second.shape().at(0);
  const zoo::Tensors all = model.run(inputs);

  for (std::int64_t i = 0; i < objects; ++i) {  // alone as in company
    zoo::Tensors row;
    for (const auto& [name, tensor] : all) row[name] = zoo::slice(tensor, i, i + 1);
    const zoo::Tensors alone = model.run(part(inputs, i, i + 1));
    for (const auto& [name, tensor] : all) {
      std::vector<zoo::Tensor> joined{zoo::slice(tensor, 0, i), alone.at(name), zoo::slice(tensor, i + 1, objects)};
      CHECK(zoo::compare(tensor, zoo::concatenate(joined), manifest.tolerance()).failed_rows.empty());
    }
  }
  const zoo::Tensors none = model.run(part(inputs, 0, 0));
  CHECK(none.size() == manifest.outputs().size());
  for (const auto& [name, tensor] : none) {
    CHECK(tensor.size() == 0 && tensor.rank() == all.at(name).rank() && tensor.dtype() == all.at(name).dtype());
  }
  for (const zoo::TensorSpec& spec : manifest.outputs())  // how many nodes nobody has is open
    for (std::size_t axis = 1; axis < spec.shape.size(); ++axis)
      CHECK(spec.shape[axis] < 0 || none.at(spec.name).shape()[axis] == spec.shape[axis]);
  test_wrong_input(model, inputs);
  test_threads(model, inputs, objects);

  zoo::Options options;
  if (manifest.signatures().count("flat") != 0) {
    options.signature = "flat";
    const zoo::Model flat(folder, options);
    const zoo::Tensors rows = zoo::to_flat(manifest, inputs);
    const zoo::Tensors of_all = flat.run(rows);
    agree(in_rows(manifest, all, of_all, inputs), of_all, manifest.tolerance());
    test_row_splits(flat, rows);
    const zoo::Tensors nothing = flat.run(zoo::select(manifest, rows, 0, 0, true));
    for (const auto& [name, tensor] : nothing) CHECK(tensor.shape().at(0) == 0);
    // from rows to padded and back, two objects at a time
    for (std::int64_t i = 0; i + 1 < objects; i += 2) {
      const zoo::Tensors two = zoo::select(manifest, rows, i, i + 2, false);
      const zoo::Tensors found = flat.run(zoo::select(manifest, rows, i, i + 2, true));
      agree(in_rows(manifest, model.run(two), found, two), found, manifest.tolerance());
    }
  }
  if (manifest.has_artefact("frozen")) {
    options = {};
    options.backend = zoo::Backend::frozen;
    const zoo::Model frozen(folder, options);
    agree(all, frozen.run(inputs), manifest.tolerance());
    test_threads(frozen, inputs, objects);
    options.signature = "flat";
    CHECK_THROWS(zoo::InvalidValue, zoo::Model(folder, options), "serving_default", "flat");
  }
  options = {};
  options.signature = "serving_defualt";
  CHECK_THROWS(zoo::UnknownName, zoo::Model(folder, options), "Did you mean 'serving_default'");
  options = {};
  options.threads = 1000;
  CHECK_THROWS(zoo::InvalidValue, zoo::Model(folder, options), "Options::threads", "1000");
  CHECK_THROWS(zoo::InvalidFile, zoo::Model("/no/such/folder"), "/no/such/folder");

  zoo::Model moved_from(folder), moved = std::move(moved_from);
  CHECK(same_bits(moved.run(inputs), all));
  return report();
} catch (const std::exception& error) {
  std::printf("error: %s\n", error.what());
  return 1;
}
