// From edge probabilities to superclusters, one event at a time: zoo/models/supercluster/traversal.py in C++.
//
//   const auto found = zoo::traverse(clusters, edges);  // or zoo::Strategy::seeds_first, ...
//
// A(s, c) is the probability that cluster c belongs to seed s; seeds by falling ET; t is the threshold.
//
//   cascade            s with A(s, s) >= t takes each c not yet taken with A(s, c) >= t; a seed taken starts no more
//   collect_and_merge  each live seed takes its own clusters; then s absorbs live seeds r with A(s, r) > t
//   seeds_first        s disables seeds r with A(s, r) > t and all their edges; then best edges; then cascade
//   cascade_highest    best edges, then cascade: what an absorbed seed would have taken is lost
//
// Best edges: a cluster that is no seed keeps its most probable seed, of equal ones that of higher ET; all but
// cascade use them. Seeds are the clusters with an outgoing edge. Edges to a cluster of higher ET are left out.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "zoo/errors.hpp"

namespace zoo {

enum class Strategy { cascade, collect_and_merge, seeds_first, cascade_highest };

inline Strategy strategy_named(const std::string& name) {
  if (name == "cascade") return Strategy::cascade;
  if (name == "collect_and_merge") return Strategy::collect_and_merge;
  if (name == "seeds_first") return Strategy::seeds_first;
  if (name == "cascade_highest") return Strategy::cascade_highest;
  throw UnknownName("strategy", name, {"cascade", "collect_and_merge", "seeds_first", "cascade_highest"}, "strategies");
}

struct Cluster {
  double energy_gev;      // calibrated: orders the clusters and is summed
  double eta;
  double phi;             // in radians
  double raw_energy_gev;  // weight of the position

  double et_gev() const { return energy_gev / std::cosh(eta); }
};

struct Edge {
  std::int64_t seed;     // index of a cluster
  std::int64_t cluster;  // index of a cluster; the seed itself for A(s, s)
  double probability;
};

struct Supercluster {
  std::int64_t seed;
  std::vector<std::int64_t> members;  // by falling ET, the seed first
  double energy_gev;
  double raw_energy_gev;
  double eta;  // of the mean position on the barrel's face, weighted with the raw energy
  double phi;
  double et_gev;
};

namespace detail {

/// Edges by the places of their ends in the order of the clusters.
class Graph {
 public:
  Graph(std::size_t clusters, double threshold)
      : threshold_(threshold), out_(clusters), own_(clusters, 0.0), is_seed_(clusters, false) {}

  void add(std::size_t seed, std::size_t cluster, double probability) {
    is_seed_[seed] = true;
    if (seed == cluster) own_[seed] = probability;
    if (seed <= cluster) out_[seed].push_back({cluster, probability});
  }

  void sort() {
    for (auto& links : out_)
      std::sort(links.begin(), links.end(), [](const Link& a, const Link& b) { return a.cluster < b.cluster; });
  }

  /// A seed linked to a live seed of higher ET loses all its edges.
  void resolve_seeds() {
    std::vector<bool> disabled(out_.size(), false);
    for (std::size_t s = 0; s < out_.size(); ++s) {
      if (disabled[s]) out_[s].clear();
      if (disabled[s] || own_[s] < threshold_) continue;
      for (const Link& link : out_[s])
        if (link.cluster != s && is_seed_[link.cluster] && own_[link.cluster] > 0 && link.probability > threshold_)
          disabled[link.cluster] = true;
    }
  }

  /// A cluster that is no seed keeps its most probable edge, the first of equal ones.
  void keep_best_edges() {
    std::vector<std::size_t> best(out_.size(), out_.size());
    std::vector<double> highest(out_.size(), -1.0);
    for (std::size_t s = 0; s < out_.size(); ++s)
      for (const Link& link : out_[s])
        if (link.probability > highest[link.cluster]) {
          highest[link.cluster] = link.probability;
          best[link.cluster] = s;
        }
    for (std::size_t s = 0; s < out_.size(); ++s) {
      const auto lost = [&](const Link& link) { return !is_seed_[link.cluster] && best[link.cluster] != s; };
      out_[s].erase(std::remove_if(out_[s].begin(), out_[s].end(), lost), out_[s].end());
    }
  }

  /// The seed that takes each cluster; the number of clusters for none.
  std::vector<std::size_t> cascade() const {
    const std::size_t none = out_.size();
    std::vector<std::size_t> taken_by(none, none);
    for (std::size_t s = 0; s < none; ++s) {
      if (taken_by[s] != none || own_[s] < threshold_) continue;
      for (const Link& link : out_[s])
        if (taken_by[link.cluster] == none && link.probability >= threshold_) taken_by[link.cluster] = s;
    }
    return taken_by;
  }

  /// The seed that takes each cluster, or that absorbs the seed which does; the number of clusters for none.
  std::vector<std::size_t> merge() const {
    const std::size_t none = out_.size();
    std::vector<std::size_t> head(none, none);
    for (std::size_t s = 0; s < none; ++s)
      if (own_[s] >= threshold_) head[s] = s;
    for (std::size_t s = 0; s < none; ++s) {
      if (head[s] != s) continue;
      for (const Link& link : out_[s])
        if (link.cluster != s && head[link.cluster] == link.cluster && own_[link.cluster] > threshold_ &&
            link.probability > threshold_)
          head[link.cluster] = s;
    }
    std::vector<std::size_t> taken_by = head;
    for (std::size_t s = 0; s < none; ++s)
      for (const Link& link : out_[s])
        if (!is_seed_[link.cluster] && link.probability >= threshold_) taken_by[link.cluster] = head[s];
    return taken_by;
  }

 private:
  struct Link {
    std::size_t cluster;
    double probability;
  };

  double threshold_;
  std::vector<std::vector<Link>> out_;
  std::vector<double> own_;  // A(s, s)
  std::vector<bool> is_seed_;
};

/// Indices of the clusters by falling ET; ties by eta, phi, raw energy, then index.
inline std::vector<std::size_t> order_of(const std::vector<Cluster>& clusters) {
  std::vector<std::size_t> order(clusters.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto key = [&](std::size_t i) {
    const Cluster& c = clusters[i];
    return std::make_tuple(-c.et_gev(), c.eta, c.phi, c.raw_energy_gev, i);
  };
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return key(a) < key(b); });
  return order;
}

inline std::size_t checked_index(const char* what, std::int64_t index, std::size_t size) {
  if (index < 0 || index >= static_cast<std::int64_t>(size))
    throw InvalidValue(what, "an index of " + std::to_string(size) + " clusters", std::to_string(index));
  return static_cast<std::size_t>(index);
}

/// Sums and mean position of members that are already in order.
inline Supercluster summed(const std::vector<Cluster>& clusters, std::int64_t seed, std::vector<std::int64_t> members) {
  double energy = 0, raw = 0, x = 0, y = 0, z = 0;
  for (const std::int64_t member : members) {
    const Cluster& c = clusters[static_cast<std::size_t>(member)];
    energy += c.energy_gev;
    raw += c.raw_energy_gev;
    x += c.raw_energy_gev * std::cos(c.phi);
    y += c.raw_energy_gev * std::sin(c.phi);
    z += c.raw_energy_gev * std::sinh(c.eta);
  }
  const double rho = std::hypot(x, y);
  const double et = raw > 0 ? energy * (rho / std::hypot(rho, z)) : 0.0;
  return {seed, std::move(members), energy, raw, std::asinh(z / rho), std::atan2(y, x), et};
}

}  // namespace detail

/// Groups the clusters of one event. Edges in any order, each pair once; superclusters with ET above `min_et_gev`,
/// by the ET of their seeds.
inline std::vector<Supercluster> traverse(const std::vector<Cluster>& clusters, const std::vector<Edge>& edges,
                                          Strategy strategy = Strategy::cascade, double threshold = 0.5,
                                          double min_et_gev = 4.0) {
  if (!(threshold > 0 && threshold <= 1))
    throw InvalidValue("threshold", "a probability in (0, 1]", std::to_string(threshold));
  if (!(min_et_gev >= 0)) throw InvalidValue("min_et_gev", "0 GeV or more", std::to_string(min_et_gev));
  for (const Cluster& c : clusters)
    if (!(std::isfinite(c.energy_gev) && std::isfinite(c.eta) && std::isfinite(c.phi) && std::isfinite(c.raw_energy_gev) &&
          c.energy_gev >= 0 && c.raw_energy_gev >= 0))
      throw InvalidValue("cluster", "finite numbers and no negative energy",
                         std::to_string(c.energy_gev) + ", " + std::to_string(c.eta) + ", " + std::to_string(c.phi) + ", " +
                             std::to_string(c.raw_energy_gev));
  const std::vector<std::size_t> order = detail::order_of(clusters);
  std::vector<std::size_t> place(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) place[order[i]] = i;

  detail::Graph graph(clusters.size(), threshold);
  std::vector<std::pair<std::size_t, std::size_t>> pairs;
  for (const Edge& edge : edges) {
    const std::size_t seed = detail::checked_index("Edge::seed", edge.seed, clusters.size());
    const std::size_t cluster = detail::checked_index("Edge::cluster", edge.cluster, clusters.size());
    if (!(edge.probability >= 0 && edge.probability <= 1))
      throw InvalidValue("Edge::probability", "a number in [0, 1]", std::to_string(edge.probability));
    pairs.emplace_back(seed, cluster);
    graph.add(place[seed], place[cluster], edge.probability);
  }
  std::sort(pairs.begin(), pairs.end());
  const auto twice = std::adjacent_find(pairs.begin(), pairs.end());
  if (twice != pairs.end())
    throw InvalidValue("edges", "each pair of seed and cluster once",
                       std::to_string(twice->first) + ", " + std::to_string(twice->second));
  graph.sort();
  if (strategy == Strategy::seeds_first) graph.resolve_seeds();
  if (strategy != Strategy::cascade) graph.keep_best_edges();
  const std::vector<std::size_t> taken_by = strategy == Strategy::collect_and_merge ? graph.merge() : graph.cascade();

  std::vector<std::vector<std::int64_t>> members(order.size());
  for (std::size_t i = 0; i < order.size(); ++i)
    if (taken_by[i] < order.size()) members[taken_by[i]].push_back(static_cast<std::int64_t>(order[i]));
  std::vector<Supercluster> found;
  for (std::size_t s = 0; s < order.size(); ++s) {
    if (members[s].empty()) continue;
    Supercluster one = detail::summed(clusters, static_cast<std::int64_t>(order[s]), std::move(members[s]));
    if (one.et_gev > min_et_gev) found.push_back(std::move(one));
  }
  return found;
}

}  // namespace zoo
