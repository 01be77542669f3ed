// Tensors, batching and comparison.
#include <cmath>

#include "check.hpp"
#include "zoo/batching.hpp"
#include "zoo/compare.hpp"

using zoo::Tensor;

int main() {
  const Tensor t = Tensor::float32({2, 3}, {1, 2, 3, 4, 5, 6});
  CHECK(t.at<float>(1, 2) == 6 && t.size() == 6 && t.bytes() == 24 && t.rank() == 2);
  CHECK(Tensor().size() == 0);
  CHECK_THROWS(zoo::InvalidValue, Tensor::float32({2, 3}, {1, 2}), "6 values for shape [2, 3]", "2");
  CHECK_THROWS(zoo::InvalidValue, Tensor::float32({-1, 3}, {1, 2, 3}), "no negative size", "[?, 3]");
  CHECK_THROWS(zoo::InvalidValue, t.values<std::int64_t>(), "float32", "int64");
  CHECK_THROWS(zoo::InvalidValue, t.at<float>(2, 0), "[2, 3]", "[2, 0]");
  CHECK_THROWS(zoo::InvalidValue, t.at<float>(0), "[2, 3]");

  // rows <-> padded; the middle object has no hits
  const Tensor rows = Tensor::float32({3, 2}, {1, 2, 3, 4, 5, 6}), splits = Tensor::int64({4}, {0, 2, 2, 3});
  const auto [padded, mask] = zoo::pad(rows, splits, 0, 3);
  CHECK(padded.shape() == (zoo::Shape{3, 2, 2}) && mask.shape() == (zoo::Shape{3, 2}));
  CHECK(padded.values<float>() == (std::vector<float>{1, 2, 3, 4, 0, 0, 0, 0, 5, 6, 0, 0}));
  CHECK(mask.values<float>() == (std::vector<float>{1, 1, 0, 0, 1, 0}));
  const auto [rows_again, splits_again] = zoo::flatten(padded, mask);
  CHECK(rows_again.values<float>() == rows.values<float>() && rows_again.shape() == rows.shape());
  CHECK(splits_again.values<std::int64_t>() == splits.values<std::int64_t>());
  CHECK(zoo::pad(rows, splits, 1, 2).first.shape() == (zoo::Shape{1, 1, 2}));  // no hits still keeps one slot
  CHECK(zoo::pad(rows, splits, 3, 3).first.shape() == (zoo::Shape{0, 1, 2}));
  CHECK(zoo::flatten(Tensor::float32({1, 3, 1}, {7, 8, 9}), Tensor::float32({1, 3}, {0, 1, 1})).first.values<float>() ==
        (std::vector<float>{8, 9}));  // real slots need not come first
  CHECK(zoo::flatten(Tensor::float32({2, 2}, {7, 8, 9, 0}), Tensor::float32({2, 2}, {0, 1, 1, 0})).first.shape() ==
        zoo::Shape{2});  // one number for each node
  CHECK_THROWS(zoo::InvalidValue, zoo::pad(rows, Tensor::int64({2}, {0, 4}), 0, 1), "row_splits", "up to 3");
  CHECK_THROWS(zoo::InvalidValue, zoo::pad(rows, splits, 0, 4), "4");
  CHECK_THROWS(zoo::InvalidValue, zoo::flatten(padded, Tensor::float32({3, 1}, {1, 1, 1})), "[B, N]");

  CHECK(zoo::slice(rows, 1, 3).values<float>() == (std::vector<float>{3, 4, 5, 6}));
  CHECK(zoo::slice(rows, 3, 3).shape() == (zoo::Shape{0, 2}));
  CHECK_THROWS(zoo::InvalidValue, zoo::slice(rows, 2, 4), "[3, 2]");
  CHECK(zoo::concatenate({zoo::slice(rows, 0, 1), zoo::slice(rows, 1, 3)}).values<float>() == rows.values<float>());
  CHECK_THROWS(zoo::InvalidValue, zoo::concatenate({rows, splits}), "[3, 2]", "[4]");

  // |a - b| <= tolerance (|a| + std(a)): here std is 1, and 0.03125 / (3 + 1) = 0.0078125
  const Tensor a = Tensor::float32({2}, {1, 3});
  CHECK(zoo::compare(a, a, 0).failed_rows.empty());
  CHECK(zoo::compare(a, Tensor::float32({2}, {1, 3.03125F}), 0.0078).failed_rows == std::vector<std::int64_t>{1});
  CHECK(zoo::compare(a, Tensor::float32({2}, {1, 3.03125F}), 0.0078).max_difference == 0.03125);
  CHECK(zoo::compare(a, Tensor::float32({2}, {1, 3.03125F}), 0.0078126).failed_rows.empty());
  CHECK(zoo::compare(a, Tensor::float32({2}, {NAN, 3}), 1).failed_rows == std::vector<std::int64_t>{0});
  CHECK(zoo::compare(Tensor::float32({1}, {NAN}), Tensor::float32({1}, {NAN}), 0).failed_rows.empty());
  CHECK_THROWS(zoo::InvalidValue, zoo::compare(a, rows, 1), "float32 [2]", "float32 [3, 2]");
  return report();
}
