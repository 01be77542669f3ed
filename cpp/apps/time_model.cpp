// Times a model alone: CPU seconds of this thread in `Model::run`, batch by batch, every batch a different one.
//
//   time_model FOLDER OBJECTS [--backend saved_model|frozen] [--batch 1] [--calls 300]
//
// FOLDER   folder of a tag or an export, with manifest.json
// OBJECTS  folder of hits.npy [T,F] float32, row_splits.npy [B+1] int64, event.npy [B,G] float32 (names of `flat`)
//
// The first tenth of the calls warms up. Prints one line of JSON: CPU milliseconds a call, median and 10 % quantile,
// and wall milliseconds, median.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <exception>
#include <filesystem>
#include <string>
#include <vector>

#include "arguments.hpp"
#include "zoo/batching.hpp"
#include "zoo/model.hpp"
#include "zoo/npy.hpp"

namespace {

double thread_cpu_ms() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return 1e3 * static_cast<double>(now.tv_sec) + 1e-6 * static_cast<double>(now.tv_nsec);
}

double quantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(q * static_cast<double>(values.size() - 1))];
}

}  // namespace

int main(int argc, char** argv) try {
  const Arguments arguments(argc, argv, {{"backend", "saved_model"}, {"batch", "1"}, {"calls", "300"}});
  if (arguments.positional.size() != 2) {
    std::fprintf(stderr, "usage: %s FOLDER OBJECTS [--backend name] [--batch n] [--calls n]\n", argv[0]);
    return 2;
  }
  zoo::Options options;
  options.backend = arguments.backend();
  const zoo::Model model(arguments.positional[0], options);
  const std::filesystem::path folder = arguments.positional[1];
  zoo::Tensors objects;
  for (const char* name : {"hits", "row_splits", "event"})
    objects[name] = zoo::npy::read((folder / (std::string(name) + ".npy")).string());
  const std::int64_t total = zoo::count_objects(model.manifest(), objects), size = arguments.count("batch", 1);
  const int calls = arguments.count("calls", 2), warm_up = 1 + calls / 10;
  if (total < size) throw zoo::InvalidValue("--batch", "at most " + std::to_string(total), std::to_string(size));

  std::vector<double> cpu, wall;
  for (int call = 0; call < calls + warm_up; ++call) {
    const std::int64_t first = call * size % (total - size + 1);
    const zoo::Tensors batch = zoo::select(model.manifest(), objects, first, first + size, false);
    const auto start = std::chrono::steady_clock::now();
    const double start_cpu = thread_cpu_ms();
    const zoo::Tensors answer = model.run(batch);
    const double used = thread_cpu_ms() - start_cpu;
    const std::chrono::duration<double, std::milli> passed = std::chrono::steady_clock::now() - start;
    if (call < warm_up) continue;
    cpu.push_back(used);
    wall.push_back(passed.count());
  }
  std::printf("{\"batch\": %lld, \"cpu_ms\": %.5f, \"cpu_ms_p10\": %.5f, \"wall_ms\": %.5f}\n",
              static_cast<long long>(size), quantile(cpu, 0.5), quantile(cpu, 0.1), quantile(wall, 0.5));
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "error: %s\n", error.what());
  return 2;
}
