// Between rows and padded tensors: objects of different sizes, stored one after another, batch by batch.
//
// A file of objects holds the sets as rows, `hits [T,F]`, with `row_splits [B+1]` (object i has the rows from
// row_splits[i] to row_splits[i+1]) and per-object tensors such as `event [B,G]`. That is the signature "flat";
// `serving_default` and the frozen graph take them padded to the longest object, `hits [B,N,F]`, with a mask.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "zoo/manifest.hpp"
#include "zoo/tensor.hpp"

namespace zoo {

/// Elements first to last-1 of the first axis.
inline Tensor slice(const Tensor& tensor, std::int64_t first, std::int64_t last) {
  if (tensor.rank() == 0 || first < 0 || last < first || last > tensor.shape()[0])
    throw InvalidValue("slice", "a range within " + to_string(tensor.shape()),
                       std::to_string(first) + " to " + std::to_string(last));
  Shape shape = tensor.shape();
  shape[0] = last - first;
  Tensor out = Tensor::filled(tensor.dtype(), shape, 0);
  if (out.bytes() > 0) {
    const std::size_t step = tensor.bytes() / static_cast<std::size_t>(tensor.shape()[0]);
    std::memcpy(out.raw(), static_cast<const char*>(tensor.raw()) + step * static_cast<std::size_t>(first), out.bytes());
  }
  return out;
}

/// Joins along the first axis; the other axes agree.
inline Tensor concatenate(const std::vector<Tensor>& parts) {
  if (parts.empty()) throw InvalidValue("concatenate", "at least one tensor", "none");
  Shape shape = parts[0].shape();
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const Shape& other = parts[i].shape();
    if (parts[i].dtype() != parts[0].dtype() || other.size() != shape.size() || shape.empty() ||
        !std::equal(other.begin() + 1, other.end(), shape.begin() + 1))
      throw InvalidValue("concatenate", "tensors like " + to_string(parts[0].shape()), to_string(other));
    shape[0] += other[0];
  }
  Tensor out = Tensor::filled(parts[0].dtype(), shape, 0);
  char* at = static_cast<char*>(out.raw());
  for (const Tensor& part : parts) {
    if (part.bytes() > 0) std::memcpy(at, part.raw(), part.bytes());
    at += part.bytes();
  }
  return out;
}

/// Pads objects first to last-1 to the longest of them. Returns the set [B,N,F] and its mask [B,N]; N is at least 1.
inline std::pair<Tensor, Tensor> pad(const Tensor& rows, const Tensor& row_splits, std::int64_t first, std::int64_t last) {
  const std::vector<std::int64_t>& splits = row_splits.values<std::int64_t>();
  const std::vector<float>& values = rows.values<float>();
  if (rows.rank() != 2) throw InvalidValue("pad", "rows [T, F]", to_string(rows.shape()));
  if (first < 0 || last < first || last >= static_cast<std::int64_t>(splits.size()))
    throw InvalidValue("pad", "objects within the " + std::to_string(splits.size()) + " row_splits", std::to_string(last));
  std::int64_t longest = 1;
  for (std::int64_t i = first; i < last; ++i) {
    const std::int64_t begin = splits[static_cast<std::size_t>(i)], end = splits[static_cast<std::size_t>(i) + 1];
    if (begin < 0 || end < begin || end > rows.shape()[0])
      throw InvalidValue("row_splits", "increasing, up to " + std::to_string(rows.shape()[0]),
                         std::to_string(begin) + ", " + std::to_string(end));
    longest = std::max(longest, end - begin);
  }
  const std::int64_t features = rows.shape()[1], objects = last - first;
  std::vector<float> padded(element_count({objects, longest, features}), 0.0F), mask(element_count({objects, longest}), 0.0F);
  for (std::int64_t i = 0; i < objects; ++i) {
    const std::int64_t begin = splits[static_cast<std::size_t>(first + i)], end = splits[static_cast<std::size_t>(first + i) + 1];
    std::copy(values.begin() + begin * features, values.begin() + end * features, padded.begin() + i * longest * features);
    std::fill_n(mask.begin() + i * longest, end - begin, 1.0F);
  }
  return {Tensor({objects, longest, features}, std::move(padded)), Tensor({objects, longest}, std::move(mask))};
}

/// The inverse: the rows of a padded set [B,N,F] or [B,N] whose mask is not zero, and row_splits. Slots may be anywhere.
inline std::pair<Tensor, Tensor> flatten(const Tensor& padded, const Tensor& mask) {
  const Shape& shape = padded.shape();
  if (shape.size() < 2 || shape.size() > 3 || mask.shape() != Shape{shape[0], shape[1]})
    throw InvalidValue("flatten", "a set [B, N, F] or [B, N] and a mask [B, N]",
                       to_string(shape) + " and " + to_string(mask.shape()));
  const std::int64_t features = shape.size() == 3 ? shape[2] : 1;
  const std::vector<float>&values = padded.values<float>(), &real = mask.values<float>();
  std::vector<float> rows;
  std::vector<std::int64_t> splits{0};
  for (std::int64_t i = 0, slot = 0; i < shape[0]; ++i) {
    for (std::int64_t n = 0; n < shape[1]; ++n, ++slot)
      if (real[static_cast<std::size_t>(slot)] != 0.0F)
        rows.insert(rows.end(), values.begin() + slot * features, values.begin() + (slot + 1) * features);
    splits.push_back(static_cast<std::int64_t>(rows.size()) / std::max<std::int64_t>(features, 1));
  }
  const std::int64_t total = splits.back(), objects = shape[0];
  Shape flat{total};
  if (shape.size() == 3) flat.push_back(features);
  return {Tensor(std::move(flat), std::move(rows)), Tensor({objects + 1}, std::move(splits))};
}

/// Padded inputs of a model as inputs of its signature "flat".
inline Tensors to_flat(const Manifest& manifest, const Tensors& padded) {
  Tensors flat;
  for (const auto& [name, node] : manifest.signature("flat").inputs) {
    if (name == "row_splits") continue;
    const std::string mask = manifest.mask_of(name);
    if (mask.empty()) {
      flat[name] = padded.at(name);
    } else {
      auto [rows, splits] = flatten(padded.at(name), padded.at(mask));
      flat[name] = std::move(rows);
      flat["row_splits"] = std::move(splits);
    }
  }
  return flat;
}

/// Number of objects, after a check that row_splits, the sets and the per-object tensors fit together.
inline std::int64_t count_objects(const Manifest& manifest, const Tensors& objects) {
  std::int64_t count = -1;
  const auto splits = objects.find("row_splits");
  if (splits != objects.end()) {
    const std::vector<std::int64_t>& rows = splits->second.values<std::int64_t>();
    if (rows.empty() || rows.front() != 0 || !std::is_sorted(rows.begin(), rows.end()))
      throw InvalidValue("row_splits", "0 first and never decreasing", "something else");
    count = static_cast<std::int64_t>(rows.size()) - 1;
  }
  for (const auto& [name, tensor] : objects) {
    if (name == "row_splits") continue;
    const bool set = !manifest.mask_of(name).empty();
    Shape shape = manifest.input(name).shape;
    if (set) shape.erase(shape.begin());
    if (set && splits != objects.end()) shape[0] = splits->second.values<std::int64_t>().back();
    if (!set && count >= 0) shape[0] = count;
    if (tensor.dtype() != manifest.input(name).dtype || !fits(tensor.shape(), shape))
      throw InvalidValue(name, to_string(manifest.input(name).dtype) + " " + to_string(shape),
                         to_string(tensor.dtype()) + " " + to_string(tensor.shape()));
    if (!set && count < 0) count = tensor.shape()[0];
  }
  return std::max<std::int64_t>(count, 0);
}

/// Objects first to last-1 of a file of objects, as inputs of "flat" or, padded, of "serving_default".
inline Tensors select(const Manifest& manifest, const Tensors& objects, std::int64_t first, std::int64_t last, bool flat) {
  Tensors batch;
  for (const auto& [name, tensor] : objects) {
    if (name == "row_splits") continue;
    const std::string mask = manifest.mask_of(name);
    if (mask.empty()) {
      batch[name] = slice(tensor, first, last);
      continue;
    }
    const Tensor& row_splits = objects.at("row_splits");
    if (!flat) {
      auto [set, real] = pad(tensor, row_splits, first, last);
      batch[name] = std::move(set);
      batch[mask] = std::move(real);
      continue;
    }
    std::vector<std::int64_t> splits = slice(row_splits, first, last + 1).values<std::int64_t>();
    const std::int64_t start = splits.front();
    batch[name] = slice(tensor, start, splits.back());
    for (std::int64_t& row : splits) row -= start;
    batch["row_splits"] = Tensor({last - first + 1}, std::move(splits));
  }
  return batch;
}

}  // namespace zoo
