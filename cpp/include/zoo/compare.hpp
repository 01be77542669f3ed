// Agreement of two runtimes: |a - b| <= tolerance (|a| + std(a)), where a is the expected tensor.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "zoo/tensor.hpp"

namespace zoo {

struct Comparison {
  double max_difference = 0;              // max |a - b|
  double worst = 0;                       // max |a - b| / (|a| + std(a)), to be held against the tolerance
  std::vector<std::int64_t> failed_rows;  // entries of the first axis with a value beyond the tolerance
};

/// The elements as double precision numbers.
inline std::vector<double> as_double(const Tensor& tensor) {
  if (tensor.dtype() == Dtype::float32) return {tensor.values<float>().begin(), tensor.values<float>().end()};
  return {tensor.values<std::int64_t>().begin(), tensor.values<std::int64_t>().end()};
}

/// Compares element by element; two NaN agree, as do two equal infinities. Std is that of the whole tensor.
inline Comparison compare(const Tensor& expected, const Tensor& received, double tolerance) {
  if (expected.dtype() != received.dtype() || expected.shape() != received.shape())
    throw InvalidValue("compare", to_string(expected.dtype()) + " " + to_string(expected.shape()),
                       to_string(received.dtype()) + " " + to_string(received.shape()));
  const std::vector<double> a = as_double(expected), b = as_double(received);
  Comparison result;
  double mean = 0, square = 0, n = 0;
  for (const double x : a)
    if (std::isfinite(x)) ++n, mean += x;
  mean /= std::max(n, 1.0);
  for (const double x : a)
    if (std::isfinite(x)) square += (x - mean) * (x - mean);
  const double deviation = std::sqrt(square / std::max(n, 1.0));
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]))) continue;
    const double difference = std::isfinite(a[i]) && std::isfinite(b[i]) ? std::abs(a[i] - b[i]) : INFINITY;
    const double scale = std::abs(a[i]) + deviation;
    const double ratio = scale > 0 ? difference / scale : INFINITY;
    result.max_difference = std::max(result.max_difference, difference);
    result.worst = std::max(result.worst, ratio);
    const auto row = static_cast<std::int64_t>(i / (a.size() / static_cast<std::size_t>(expected.shape()[0])));
    if (!(ratio <= tolerance) && (result.failed_rows.empty() || result.failed_rows.back() != row))
      result.failed_rows.push_back(row);
  }
  return result;
}

}  // namespace zoo
