// .npy files: round trips, files as NumPy writes them, and files that are damaged or foreign.
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "check.hpp"
#include "zoo/npy.hpp"

namespace {

std::string folder;

std::string file(const std::string& name, const std::string& bytes) {
  const std::string path = folder + "/" + name;
  std::ofstream(path, std::ios::binary) << bytes;
  return path;
}

/// A .npy file by hand, as version 1 or 2.
std::string npy(const std::string& header, const std::string& data, char version = 1) {
  std::string bytes = std::string("\x93NUMPY") + version + '\0' + static_cast<char>(header.size()) + '\0';
  if (version == 2) bytes += std::string(2, '\0');
  return bytes + header + data;
}

}  // namespace

int main() {
  folder = (std::filesystem::temp_directory_path() / ("zoo_test_npy_" + std::to_string(getpid()))).string();
  std::filesystem::create_directories(folder);

  for (const zoo::Tensor& tensor :
       {zoo::Tensor::float32({2, 3}, {1, 2, 3, 4, 5, -6.5F}), zoo::Tensor::int64({4}, {0, -1, 1LL << 60, 7}),
        zoo::Tensor::float32({}, {3}), zoo::Tensor::float32({0, 5}, {}), zoo::Tensor::float32({1, 1, 1, 1}, {2})}) {
    zoo::npy::write(folder + "/round.npy", tensor);
    const zoo::Tensor back = zoo::npy::read(folder + "/round.npy");
    CHECK(back.shape() == tensor.shape() && back.dtype() == tensor.dtype());
    CHECK(back.size() == tensor.size() && std::memcmp(back.raw(), tensor.raw(), tensor.bytes()) == 0);
    CHECK((std::filesystem::file_size(folder + "/round.npy") - tensor.bytes()) % 64 == 0);
    CHECK(!std::filesystem::exists(folder + "/round.npy.part"));
  }

  const std::string two("\0\0\x80\x3f\0\0\0\x40", 8);  // 1, 2
  const std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n";
  for (const char version : {'\1', '\2'})
    CHECK(zoo::npy::read(file("by_hand.npy", npy(header, two, version))).values<float>() == (std::vector<float>{1, 2}));

  CHECK_THROWS(zoo::InvalidFile, zoo::npy::read(folder + "/missing.npy"), "missing.npy", "cannot be opened");
  CHECK_THROWS(zoo::InvalidFile, zoo::npy::read(folder), "");
  CHECK_THROWS(zoo::InvalidFile, zoo::npy::read(file("x.npy", "hello, world")), "not a .npy file");
  CHECK_THROWS(zoo::InvalidFile, zoo::npy::read(file("x.npy", "")), "not a .npy file");
  CHECK_THROWS(zoo::InvalidFile, zoo::npy::read(file("x.npy", npy(header, two, 3))), "version 3");
  CHECK_THROWS(zoo::InvalidFile, zoo::npy::read(file("x.npy", npy(header, two).substr(0, 30))), "truncated in its header");
  CHECK_THROWS(zoo::InvalidFile, zoo::npy::read(file("x.npy", npy(header, two).substr(0, 70))), "truncated", "8 bytes", "[2]");
  CHECK_THROWS(zoo::InvalidFile, zoo::npy::read(file("x.npy", npy(header, two + two))), "too long", "found 16");
  const auto with = [&](const std::string& text) { return zoo::npy::read(file("x.npy", npy(text, two))); };
  CHECK_THROWS(zoo::InvalidValue, with("{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }"), "'<f4'", "'<f8'");
  CHECK_THROWS(zoo::InvalidValue, with("{'descr': '>f4', 'fortran_order': False, 'shape': (2,), }"), "'>f4'");
  CHECK_THROWS(zoo::InvalidFile, with("{'descr': '<f4', 'fortran_order': True, 'shape': (2,), }"), "Fortran");
  CHECK_THROWS(zoo::InvalidFile, with("{'descr': '<f4', 'fortran_order': False, }"), "no 'shape'");
  CHECK_THROWS(zoo::InvalidFile, with("{'descr': '<f4', 'fortran_order': False, 'shape': (a,), }"), "shape");
  CHECK_THROWS(zoo::InvalidFile, with("{'descr': '<f4', 'fortran_order': False, 'shape': (2, "), "shape");
  CHECK_THROWS(zoo::Error, with("{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }"), "");
  CHECK_THROWS(zoo::InvalidFile, with("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000,), }"), "truncated");
  CHECK_THROWS(zoo::InvalidFile, zoo::npy::write(folder + "/no/such/x.npy", zoo::Tensor()), "cannot be written");
  std::filesystem::remove_all(folder);
  return report();
}
