// Runs a tag's goldens through the SavedModel, its signature `flat` and the frozen graph, and compares.
//
//   verify_golden saved_models/drn/barrel_v2 [--threads 1] [--tolerance 1e-5]
//
// Exit status: 0 all agree, 1 a difference, 2 an error.
#include <chrono>
#include <cstdio>
#include <exception>
#include <string>

#include "arguments.hpp"
#include "zoo/batching.hpp"
#include "zoo/compare.hpp"
#include "zoo/model.hpp"
#include "zoo/npy.hpp"

namespace {

/// One runtime against the goldens; returns whether all outputs agree.
bool verify(const std::string& folder, const zoo::Options& options, const zoo::Tensors& padded, double tolerance) {
  const auto start = std::chrono::steady_clock::now();
  const zoo::Model model(folder, options);
  const double load_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const zoo::Manifest& manifest = model.manifest();
  const zoo::Tensors received = model.run(options.signature == "flat" ? zoo::to_flat(manifest, padded) : padded);
  bool good = true;
  for (const auto& [name, tensor] : received) {
    zoo::Tensor expected = zoo::npy::read(manifest.golden_output(name));
    if (expected.shape().size() > tensor.shape().size())  // "flat" answers per node in rows
      expected = zoo::flatten(expected, padded.at(manifest.mask_of(manifest.inputs()[0].name))).first;
    const zoo::Comparison result = zoo::compare(expected, tensor, tolerance);
    const bool agrees = result.failed_rows.empty();
    std::printf("%-12s %-16s %-20s %10.2e %10.2e  %s\n", to_string(options.backend).c_str(), options.signature.c_str(),
                name.c_str(), result.max_difference, result.worst, agrees ? "agrees" : "DIFFERS");
    for (const std::int64_t row : result.failed_rows) {
      const auto i = static_cast<std::size_t>(row);
      std::printf("    row %zu%s\n", i, i < manifest.cases().size() ? (": " + manifest.cases()[i]).c_str() : "");
    }
    good = good && agrees;
  }
  std::printf("%-12s %-16s loaded and warmed up in %.2f s\n", to_string(options.backend).c_str(),
              options.signature.c_str(), load_s);
  return good;
}

}  // namespace

int main(int argc, char** argv) try {
  const Arguments arguments(argc, argv, {{"threads", "1"}, {"tolerance", ""}});
  if (arguments.positional.size() != 1) {
    std::fprintf(stderr, "usage: %s FOLDER [--threads n] [--tolerance x]\n", argv[0]);
    return 2;
  }
  const std::string& folder = arguments.positional[0];
  const zoo::Manifest manifest = zoo::Manifest::read(folder);
  const double tolerance = arguments.text("tolerance").empty() ? manifest.tolerance() : arguments.number("tolerance", 0);
  zoo::Tensors padded;
  for (const zoo::TensorSpec& spec : manifest.inputs())
    padded[spec.name] = zoo::npy::read(manifest.golden_input(spec.name));
  std::printf("%s, %zu golden objects, |a-b| <= %g (|a| + std(a))\n", manifest.name().c_str(), manifest.cases().size(),
              tolerance);
  std::printf("%-12s %-16s %-20s %10s %10s\n", "artefact", "signature", "output", "max |a-b|", "relative");
  zoo::Options options;
  options.threads = arguments.count("threads", 0);
  bool good = verify(folder, options, padded, tolerance);
  if (manifest.signatures().count("flat") != 0) {
    options.signature = "flat";
    good = verify(folder, options, padded, tolerance) && good;
    options.signature = "serving_default";
  }
  if (manifest.has_artefact("frozen")) {
    options.backend = zoo::Backend::frozen;
    good = verify(folder, options, padded, tolerance) && good;
  }
  std::printf("%s\n", good ? "all outputs agree" : "FAILED");
  return good ? 0 : 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "error: %s\n", error.what());
  return 2;
}
