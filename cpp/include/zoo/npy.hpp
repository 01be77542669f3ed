// Reads and writes NumPy's .npy files: versions 1 and 2, little-endian float32 and int64, C order.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "zoo/tensor.hpp"

namespace zoo::npy {

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "zoo/npy.hpp reads little-endian files on little-endian machines"
#endif

namespace detail {

/// The text after `'key':` in the header's Python dictionary, without leading blanks.
inline std::string entry(const std::string& header, const std::string& key, const std::string& path) {
  const std::size_t at = header.find("'" + key + "':");
  if (at == std::string::npos) throw InvalidFile(path, "not a valid .npy header: no '" + key + "'");
  const std::size_t begin = header.find_first_not_of(' ', at + key.size() + 3);
  return begin == std::string::npos ? "" : header.substr(begin);
}

inline Dtype dtype_of(const std::string& header, const std::string& path) {
  const std::string text = entry(header, "descr", path);
  if (text.rfind("'<f4'", 0) == 0) return Dtype::float32;
  if (text.rfind("'<i8'", 0) == 0) return Dtype::int64;
  throw InvalidValue(path, "float32 '<f4' or int64 '<i8'; convert it with array.astype", text.substr(0, text.find(',')));
}

inline Shape shape_of(const std::string& header, const std::string& path) {
  const std::string text = entry(header, "shape", path);
  const std::size_t end = text.find(')');
  if (text.rfind('(', 0) != 0 || end == std::string::npos) throw InvalidFile(path, "not a valid .npy header: shape");
  Shape shape;
  std::size_t at = 1;
  while ((at = text.find_first_not_of(" ,", at)) < end) {
    char* stop = nullptr;
    shape.push_back(std::strtoll(text.c_str() + at, &stop, 10));
    if (stop == text.c_str() + at || shape.back() < 0) throw InvalidFile(path, "not a valid .npy header: shape");
    at = static_cast<std::size_t>(stop - text.c_str());
  }
  return shape;
}

}  // namespace detail

/// Reads one array.
inline Tensor read(const std::string& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  std::ifstream file(path, std::ios::binary);
  if (error || !file) throw InvalidFile(path, "cannot be opened");
  unsigned char head[12] = {};
  file.read(reinterpret_cast<char*>(head), 10);
  if (!file || std::memcmp(head, "\x93NUMPY", 6) != 0) throw InvalidFile(path, "not a .npy file (no magic bytes)");
  if (head[6] != 1 && head[6] != 2)
    throw InvalidFile(path, ".npy version " + std::to_string(head[6]) + "; this client reads 1 and 2");
  if (head[6] == 2) file.read(reinterpret_cast<char*>(head) + 10, 2);
  std::size_t length = head[8] + 256UL * head[9];
  if (head[6] == 2) length += 65536UL * head[10] + 16777216UL * head[11];
  const std::size_t start = (head[6] == 1 ? 10 : 12) + length;
  if (!file || start > size) throw InvalidFile(path, "truncated in its header");
  std::string header(length, ' ');
  file.read(header.data(), static_cast<std::streamsize>(length));
  const Dtype dtype = detail::dtype_of(header, path);
  if (detail::entry(header, "fortran_order", path).rfind("False", 0) != 0)
    throw InvalidFile(path, "Fortran order; save np.ascontiguousarray(array)");
  const Shape shape = detail::shape_of(header, path);
  const std::size_t bytes = element_count(shape) * (dtype == Dtype::float32 ? 4 : 8);
  if (size - start != bytes)  // before anything is allocated: a damaged shape must not ask for all memory
    throw InvalidFile(path, (size - start < bytes ? "truncated: " : "too long: ") + std::to_string(bytes) +
                                " bytes of data expected for shape " + to_string(shape) + ", found " +
                                std::to_string(size - start));
  Tensor tensor = Tensor::filled(dtype, shape, 0);
  if (bytes > 0) file.read(static_cast<char*>(tensor.raw()), static_cast<std::streamsize>(bytes));
  if (!file) throw InvalidFile(path, "cannot be read");
  return tensor;
}

/// Writes one array, version 1; the file appears whole or not at all.
inline void write(const std::string& path, const Tensor& tensor) {
  std::string shape;
  for (const std::int64_t n : tensor.shape()) shape += std::to_string(n) + ", ";
  if (tensor.rank() > 1) shape.resize(shape.size() - 2);  // Python writes (3,) but (3, 4)
  if (tensor.rank() == 1) shape.pop_back();
  std::string header = std::string("{'descr': '") + (tensor.dtype() == Dtype::float32 ? "<f4" : "<i8") +
                       "', 'fortran_order': False, 'shape': (" + shape + "), }";
  header.append(63 - (10 + header.size()) % 64, ' ').append("\n");  // the data start at a multiple of 64
  const std::string part = path + ".part";
  std::ofstream file(part, std::ios::binary | std::ios::trunc);
  file.write("\x93NUMPY\x01\x00", 8).put(static_cast<char>(header.size() % 256));
  file.put(static_cast<char>(header.size() / 256)) << header;
  if (tensor.bytes() > 0) file.write(static_cast<const char*>(tensor.raw()), static_cast<std::streamsize>(tensor.bytes()));
  file.close();
  if (!file || std::rename(part.c_str(), path.c_str()) != 0) {
    std::remove(part.c_str());
    throw InvalidFile(path, "cannot be written");
  }
}

}  // namespace zoo::npy
