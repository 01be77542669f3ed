// The manifest: what it resolves and what its errors list.
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "check.hpp"
#include "zoo/manifest.hpp"

namespace {

const char* const kText = R"({"format": 1, "model": "drn", "tag": "barrel_v1", "tolerance": 1e-5,
 "inputs": [{"name": "hits", "dtype": "float32", "shape": [-1, -1, 5], "unit": null, "features": ["ieta"],
             "saved_model": "serving_default_hits:0", "frozen": "hits"},
            {"name": "hit_mask", "dtype": "float32", "shape": [-1, -1], "mask_of": "hits", "saved_model": "serving_default_hit_mask:0", "frozen": "hit_mask"}],
 "outputs": [{"name": "energy_gev", "dtype": "float32", "shape": [-1], "unit": "GeV", "frozen": "energy_gev"}],
 "signatures": {"serving_default": {"inputs": {"hits": "serving_default_hits:0"}, "outputs": {"energy_gev": "StatefulPartitionedCall:0"}}},
 "artefacts": {"frozen": {"path": "frozen.pb", "sha256": "0"}},
 "golden": {"inputs": {"hits": "golden/inputs/hits.npy"}, "outputs": {}, "cases": ["empty"]}})";

zoo::Manifest with(const std::string& from, const std::string& to) {
  std::string text = kText;
  return {zoo::json::parse(text.replace(text.find(from), from.size(), to), "m"), "nowhere"};
}

}  // namespace

int main() {
  const zoo::Manifest manifest = with("barrel_v1", "barrel_v1");
  CHECK(manifest.name() == "drn.barrel_v1" && manifest.tolerance() == 1e-5);
  CHECK(manifest.input("hits").shape == (zoo::Shape{-1, -1, 5}) && manifest.input("hits").unit.empty());
  CHECK(manifest.output("energy_gev").unit == "GeV" && manifest.frozen_signature().outputs.at("energy_gev") == "energy_gev");
  CHECK(manifest.signature("serving_default").outputs.at("energy_gev") == "StatefulPartitionedCall:0");
  CHECK(manifest.mask_of("hits") == "hit_mask" && manifest.mask_of("hit_mask").empty());
  CHECK(with("\"name\": \"hit_mask\"", "\"name\": \"is_real\"").mask_of("hits") == "is_real");
  CHECK(with("\"mask_of\": \"hits\", ", "").mask_of("hits") == "hit_mask");  // a manifest of the first releases
  CHECK(manifest.cases().size() == 1);

  CHECK_THROWS(zoo::UnknownName, manifest.input("hit"), "unknown input tensor 'hit'", "Did you mean 'hits'", "hit_mask");
  CHECK_THROWS(zoo::UnknownName, manifest.output("energy"), "Did you mean 'energy_gev'");
  CHECK_THROWS(zoo::UnknownName, manifest.signature("flat"), "Valid: serving_default");
  CHECK_THROWS(zoo::UnknownName, manifest.artefact("frozne"), "Did you mean 'frozen'");
  CHECK_THROWS(zoo::InvalidFile, manifest.artefact("frozen"), "frozen.pb", "missing");
  CHECK_THROWS(zoo::InvalidFile, manifest.golden_input("hits"), "hits.npy", "missing");
  CHECK_THROWS(zoo::UnknownName, manifest.golden_input("event"), "Valid: hits");

  CHECK_THROWS(zoo::InvalidValue, with("\"format\": 1", "\"format\": 2"), "m.format", "expected 1", "2");
  CHECK_THROWS(zoo::UnknownName, with("\"signatures\"", "\"signature\""), "unknown key 'signatures'", "Did you mean 'signature'");
  CHECK_THROWS(zoo::InvalidValue, with("float32", "float16"), "m.inputs[0].dtype", "float16");
  CHECK_THROWS(zoo::InvalidValue, with("[-1, -1, 5]", "[-1, \"N\", 5]"), "m.inputs[0].shape[1]", "a string");
  CHECK_THROWS(zoo::InvalidFile, with("\"frozen\": \"hits\"", "\"frozen\": null").frozen_signature(), "'hits'");
  CHECK_THROWS(zoo::InvalidFile, zoo::Manifest::read("/no/such/folder"), "no such folder");

  const std::string folder = (std::filesystem::temp_directory_path() / ("zoo_test_manifest_" + std::to_string(getpid()))).string();
  std::filesystem::create_directories(folder);
  CHECK_THROWS(zoo::InvalidFile, zoo::Manifest::read(folder), "manifest.json", "missing");
  std::ofstream(folder + "/manifest.json") << std::string(kText).substr(0, 200);
  CHECK_THROWS(zoo::InvalidFile, zoo::Manifest::read(folder), "manifest.json:3:25", "end of the file");
  std::ofstream(folder + "/manifest.json", std::ios::trunc) << kText;
  CHECK(zoo::Manifest::read(folder).name() == "drn.barrel_v1");
  std::filesystem::remove_all(folder);
  return report();
}
