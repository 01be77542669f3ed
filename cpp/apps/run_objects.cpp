// The event loop: reads objects, runs them one by one or in batches of n in one or more threads, writes the outputs.
//
//   run_objects FOLDER OBJECTS OUT [--backend saved_model|frozen] [--signature flat|serving_default] [--batch 1]
//               [--streams 1] [--threads 1] [--repeat 1] [--compare PYTHON] [--flips 0.0001] [--json FILE]
//
// FOLDER   folder of a tag, with manifest.json
// OBJECTS  folder of hits.npy [T,F] float32, row_splits.npy [B+1] int64, event.npy [B,G] float32 (names of `flat`)
// OUT      folder for the outputs, one <name>.npy each ("-": none)
// PYTHON   folder of <name>.npy to compare with, by |a-b| <= tolerance (|a| + std(a)); a fraction `--flips` of the
//          objects may differ (a discrete choice that rounding turned over), and each is listed
//
// Exit status: 0 done, 1 differs from PYTHON, 2 an error.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "arguments.hpp"
#include "zoo/batching.hpp"
#include "zoo/compare.hpp"
#include "zoo/model.hpp"
#include "zoo/npy.hpp"

namespace {

using Clock = std::chrono::steady_clock;

double milliseconds(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

zoo::Tensors read_objects(const zoo::Manifest& manifest, const std::filesystem::path& folder) {
  zoo::Tensors objects;
  bool sets = false;
  for (const zoo::TensorSpec& spec : manifest.inputs()) {
    if (spec.mask_of.empty())
      objects[spec.name] = zoo::npy::read((folder / (spec.name + ".npy")).string());
    else
      sets = true;
  }
  if (sets) objects["row_splits"] = zoo::npy::read((folder / "row_splits.npy").string());
  return objects;
}

struct Timing {
  double total_s = 0;
  std::vector<double> calls_ms;
  double quantile(double q) const {
    return calls_ms.empty() ? 0 : calls_ms[static_cast<std::size_t>(q * static_cast<double>(calls_ms.size() - 1))];
  }
};

/// All objects once: the streams take the next batch from a common counter, as an event loop's threads do.
Timing loop(const zoo::Model& model, const zoo::Tensors& objects, std::int64_t size, int streams, std::vector<zoo::Tensors>& out) {
  const std::int64_t total = zoo::count_objects(model.manifest(), objects), batches = (total + size - 1) / size;
  const bool flat = model.options().signature == "flat";
  out.assign(static_cast<std::size_t>(batches), {});
  Timing timing;
  timing.calls_ms.assign(static_cast<std::size_t>(batches), 0);
  std::atomic<std::int64_t> next{0};
  std::vector<std::exception_ptr> failures(static_cast<std::size_t>(streams));
  const auto stream = [&](std::size_t id) {
    try {
      for (std::int64_t i = next++; i < batches; i = next++) {
        const auto start = Clock::now();
        const zoo::Tensors batch = select(model.manifest(), objects, i * size, std::min(total, (i + 1) * size), flat);
        out[static_cast<std::size_t>(i)] = model.run(batch);
        timing.calls_ms[static_cast<std::size_t>(i)] = milliseconds(start);
      }
    } catch (...) {
      failures[id] = std::current_exception();
    }
  };
  const auto start = Clock::now();
  std::vector<std::thread> threads;
  for (std::size_t id = 1; id < failures.size(); ++id) threads.emplace_back(stream, id);
  stream(0);
  for (std::thread& thread : threads) thread.join();
  timing.total_s = milliseconds(start) / 1e3;
  for (const std::exception_ptr& failure : failures)
    if (failure) std::rethrow_exception(failure);
  std::sort(timing.calls_ms.begin(), timing.calls_ms.end());
  return timing;
}

/// Compares with outputs written elsewhere; returns whether at most the allowed fraction of objects differs.
bool agrees(const zoo::Model& model, const zoo::Tensors& outputs, const std::filesystem::path& folder, double allowed) {
  std::set<std::int64_t> differ;
  std::int64_t objects = 0;
  for (const auto& [name, tensor] : outputs) {
    const zoo::Comparison result =
        zoo::compare(zoo::npy::read((folder / (name + ".npy")).string()), tensor, model.manifest().tolerance());
    std::printf("  %-20s max |a-b| %.2e, relative %.2e, %zu objects differ\n", name.c_str(), result.max_difference,
                result.worst, result.failed_rows.size());
    differ.insert(result.failed_rows.begin(), result.failed_rows.end());
    objects = tensor.shape().at(0);
  }
  for (const std::int64_t row : differ) std::printf("    object %lld differs\n", static_cast<long long>(row));
  return static_cast<double>(differ.size()) <= allowed * static_cast<double>(objects);
}

}  // namespace

int main(int argc, char** argv) try {
  const Arguments arguments(argc, argv, {{"backend", "saved_model"}, {"signature", ""}, {"batch", "1"}, {"streams", "1"},
                                         {"threads", "1"}, {"repeat", "1"}, {"compare", ""}, {"flips", "0.0001"}, {"json", ""}});
  if (arguments.positional.size() != 3) {
    std::fprintf(stderr, "usage: %s FOLDER OBJECTS OUT [--batch n] [--streams n] ... (see the head of the source)\n", argv[0]);
    return 2;
  }
  zoo::Options options;
  options.backend = arguments.backend();
  options.threads = arguments.count("threads", 0);
  const std::string& folder = arguments.positional[0];
  const bool has_flat = zoo::Manifest::read(folder).signatures().count("flat") != 0;
  options.signature = arguments.text("signature");
  if (options.signature.empty())
    options.signature = has_flat && options.backend == zoo::Backend::saved_model ? "flat" : "serving_default";
  const int size = arguments.count("batch", 1), streams = arguments.count("streams", 1), repeat = arguments.count("repeat", 1);

  const auto start = Clock::now();
  const zoo::Model model(folder, options);
  const double load_s = milliseconds(start) / 1e3;
  const zoo::Tensors objects = read_objects(model.manifest(), arguments.positional[1]);
  const std::int64_t total = zoo::count_objects(model.manifest(), objects);
  std::vector<zoo::Tensors> batches;
  Timing best;
  for (int i = 0; i < repeat; ++i) {
    Timing timing = loop(model, objects, size, streams, batches);
    if (i == 0 || timing.total_s < best.total_s) best = std::move(timing);
  }
  const double rate = best.total_s > 0 ? static_cast<double>(total) / best.total_s : 0;
  std::printf("%s: %lld objects in batches of %d, %d stream%s, best of %d\n", model.name().c_str(),
              static_cast<long long>(total), size, streams, streams == 1 ? "" : "s", repeat);
  std::printf("  load and warm-up %.2f s, %.0f objects/s, per call median %.3f ms, 95 %% %.3f ms\n", load_s, rate,
              best.quantile(0.5), best.quantile(0.95));

  zoo::Tensors outputs = model.run(select(model.manifest(), objects, 0, 0, options.signature == "flat"));  // empty
  for (auto& [name, tensor] : outputs) {
    std::vector<zoo::Tensor> parts;
    for (const zoo::Tensors& batch : batches) parts.push_back(batch.at(name));
    if (!parts.empty()) tensor = zoo::concatenate(parts);
  }
  const std::string& out = arguments.positional[2];
  if (out != "-") {
    std::filesystem::create_directories(out);
    for (const auto& [name, tensor] : outputs) zoo::npy::write((std::filesystem::path(out) / (name + ".npy")).string(), tensor);
  }
  if (!arguments.text("json").empty()) {
    std::FILE* file = std::fopen(arguments.text("json").c_str(), "w");
    if (file == nullptr) throw zoo::InvalidFile(arguments.text("json"), "cannot be written");
    std::fprintf(file,
                 "{\"objects\": %lld, \"batch\": %d, \"streams\": %d, \"threads\": %d, \"backend\": \"%s\", \"signature\": "
                 "\"%s\", \"load_s\": %.4f, \"objects_per_s\": %.1f, \"median_ms\": %.4f, \"p95_ms\": %.4f}\n",
                 static_cast<long long>(total), size, streams, options.threads, to_string(options.backend).c_str(),
                 options.signature.c_str(), load_s, rate, best.quantile(0.5), best.quantile(0.95));
    std::fclose(file);
  }
  if (arguments.text("compare").empty()) return 0;
  const bool good = agrees(model, outputs, arguments.text("compare"), arguments.number("flips", 0));
  std::printf("  %s\n", good ? "agrees with the reference" : "DIFFERS from the reference");
  return good ? 0 : 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "error: %s\n", error.what());
  return 2;
}
