// An owning dense tensor, float32 or int64, row-major: what goes into and comes out of a model.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "zoo/errors.hpp"

namespace zoo {

enum class Dtype { float32, int64 };

inline std::string to_string(Dtype dtype) { return dtype == Dtype::float32 ? "float32" : "int64"; }

/// Sizes of the axes; -1 stands for "any size" in a specification.
using Shape = std::vector<std::int64_t>;

inline std::string to_string(const Shape& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i)
    text += (i == 0 ? "" : ", ") + (shape[i] < 0 ? std::string("?") : std::to_string(shape[i]));
  return text + "]";
}

/// Whether a concrete shape fits a specification.
inline bool fits(const Shape& shape, const Shape& expected) {
  if (shape.size() != expected.size()) return false;
  for (std::size_t axis = 0; axis < shape.size(); ++axis)
    if (expected[axis] >= 0 && shape[axis] != expected[axis]) return false;
  return true;
}

/// Number of elements of a concrete shape; 1 for a scalar.
inline std::size_t element_count(const Shape& shape) {
  std::size_t count = 1;
  bool empty = false;
  for (const std::int64_t n : shape) {
    if (n < 0) throw InvalidValue("shape", "no negative size", to_string(shape));
    empty = empty || n == 0;
  }
  if (empty) return 0;
  for (const std::int64_t n : shape) {
    if (count > (std::size_t{1} << 60) / static_cast<std::size_t>(n))
      throw InvalidValue("shape", "less than 2^60 elements", to_string(shape));
    count *= static_cast<std::size_t>(n);
  }
  return count;
}

class Tensor {
 public:
  Tensor() : Tensor({0}, std::vector<float>{}) {}
  Tensor(Shape shape, std::vector<float> values) : shape_(std::move(shape)), values_(std::move(values)) { check(); }
  Tensor(Shape shape, std::vector<std::int64_t> values) : shape_(std::move(shape)), values_(std::move(values)) {
    check();
  }

  /// Named constructors, so that a braced list of numbers is never ambiguous.
  static Tensor float32(Shape shape, std::vector<float> values) { return {std::move(shape), std::move(values)}; }
  static Tensor int64(Shape shape, std::vector<std::int64_t> values) { return {std::move(shape), std::move(values)}; }
  static Tensor filled(Dtype dtype, const Shape& shape, int value) {
    const std::size_t n = element_count(shape);
    if (dtype == Dtype::float32) return {shape, std::vector<float>(n, static_cast<float>(value))};
    return {shape, std::vector<std::int64_t>(n, value)};
  }

  const Shape& shape() const { return shape_; }
  std::size_t rank() const { return shape_.size(); }
  Dtype dtype() const { return values_.index() == 0 ? Dtype::float32 : Dtype::int64; }
  std::size_t size() const {
    return std::visit([](const auto& v) { return v.size(); }, values_);
  }
  std::size_t bytes() const { return size() * (dtype() == Dtype::float32 ? sizeof(float) : sizeof(std::int64_t)); }
  const void* raw() const {
    return std::visit([](const auto& v) -> const void* { return v.data(); }, values_);
  }
  void* raw() {
    return std::visit([](auto& v) -> void* { return v.data(); }, values_);
  }

  /// All elements, row-major. `T` is float or std::int64_t and must be the tensor's own type.
  template <class T>
  const std::vector<T>& values() const {
    static_assert(std::is_same_v<T, float> || std::is_same_v<T, std::int64_t>, "float or std::int64_t");
    if (const auto* held = std::get_if<std::vector<T>>(&values_)) return *held;
    throw InvalidValue("Tensor::values", to_string(dtype()) + ", the tensor's own type",
                       std::is_same_v<T, float> ? "float32" : "int64");
  }

  /// One element by its indices, checked: `energy.at<float>(3)`, `dscb.at<float>(3, 0)`.
  template <class T, class... Index>
  T at(Index... index) const {
    const Shape wanted{static_cast<std::int64_t>(index)...};
    bool inside = wanted.size() == shape_.size();
    std::size_t offset = 0;
    for (std::size_t axis = 0; inside && axis < wanted.size(); ++axis) {
      inside = wanted[axis] >= 0 && wanted[axis] < shape_[axis];
      offset = offset * static_cast<std::size_t>(shape_[axis]) + static_cast<std::size_t>(wanted[axis]);
    }
    if (!inside) throw InvalidValue("Tensor::at", "an index within " + to_string(shape_), to_string(wanted));
    return values<T>()[offset];
  }

 private:
  void check() const {
    if (element_count(shape_) != size())
      throw InvalidValue("Tensor", std::to_string(element_count(shape_)) + " values for shape " + to_string(shape_),
                         std::to_string(size()));
  }

  Shape shape_;
  std::variant<std::vector<float>, std::vector<std::int64_t>> values_;
};

/// Tensors by name: the inputs and the outputs of a model.
using Tensors = std::map<std::string, Tensor>;

}  // namespace zoo
