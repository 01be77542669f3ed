// Times a model alone: CPU seconds of this thread in `Model::run`, batch by batch, every batch a different one.
//
//   time_model FOLDER BATCHES [--backend saved_model|frozen]
//
// FOLDER   folder of a tag or an export, with manifest.json
// BATCHES  folder of folders, one a call: <input>.npy for every input of `serving_default`, padded, with its mask
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
  const Arguments arguments(argc, argv, {{"backend", "saved_model"}});
  if (arguments.positional.size() != 2) {
    std::fprintf(stderr, "usage: %s FOLDER BATCHES [--backend name]\n", argv[0]);
    return 2;
  }
  zoo::Options options;
  options.backend = arguments.backend();
  const zoo::Model model(arguments.positional[0], options);
  std::vector<std::filesystem::path> folders;
  for (const auto& entry : std::filesystem::directory_iterator(arguments.positional[1])) folders.push_back(entry.path());
  std::sort(folders.begin(), folders.end());
  const std::size_t warm_up = 1 + folders.size() / 10;
  if (folders.size() <= warm_up) throw zoo::InvalidFile(arguments.positional[1], "expected at least two batches");

  std::vector<double> cpu, wall;
  for (std::size_t call = 0; call < folders.size(); ++call) {
    zoo::Tensors batch;
    for (const zoo::TensorSpec& spec : model.inputs())
      batch[spec.name] = zoo::npy::read((folders[call] / (spec.name + ".npy")).string());
    const auto start = std::chrono::steady_clock::now();
    const double start_cpu = thread_cpu_ms();
    const zoo::Tensors answer = model.run(batch);
    const double used = thread_cpu_ms() - start_cpu;
    const std::chrono::duration<double, std::milli> passed = std::chrono::steady_clock::now() - start;
    if (call < warm_up) continue;
    cpu.push_back(used);
    wall.push_back(passed.count());
  }
  std::printf("{\"calls\": %zu, \"cpu_ms\": %.5f, \"cpu_ms_p10\": %.5f, \"wall_ms\": %.5f}\n", cpu.size(),
              quantile(cpu, 0.5), quantile(cpu, 0.1), quantile(wall, 0.5));
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "error: %s\n", error.what());
  return 2;
}
