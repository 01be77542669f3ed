// Traversals: corner cases; with arguments, the graphs of a folder, for the comparison with Python.
//
//   test_traversal                        the corner cases
//   test_traversal IN OUT STRATEGY T ET   IN: clusters.npy [T,4], row_splits.npy [B+1], edges.npy [E,2] within the
//                                         event, edge_splits.npy [B+1], probability.npy [E]
//                                         OUT: members.npy [M,2] seed and cluster, sums.npy [S,5]
#include <cmath>
#include <cstdlib>
#include <initializer_list>
#include <string>
#include <vector>

#include "check.hpp"
#include "zoo/npy.hpp"
#include "zoo/traversal.hpp"

using zoo::Strategy;
using Owners = std::vector<std::int64_t>;

namespace {

/// The seed of each of n clusters of falling ET, -1 for none.
Owners owners(std::size_t n, const std::vector<zoo::Edge>& edges, Strategy strategy) {
  std::vector<zoo::Cluster> clusters;
  for (std::size_t i = 0; i < n; ++i) clusters.push_back({64.0 / std::pow(2.0, i), 0, 0, 1});
  Owners found(n, -1);
  for (const zoo::Supercluster& one : zoo::traverse(clusters, edges, strategy, 0.5, 0.0))
    for (const std::int64_t member : one.members) found[static_cast<std::size_t>(member)] = one.seed;
  return found;
}

/// What each strategy gives, in the order of the enumeration.
void expect(std::size_t n, const std::vector<zoo::Edge>& edges, const Owners& cascade, const Owners& merge,
            const Owners& seeds_first, const Owners& highest) {
  CHECK(owners(n, edges, Strategy::cascade) == cascade);
  CHECK(owners(n, edges, Strategy::collect_and_merge) == merge);
  CHECK(owners(n, edges, Strategy::seeds_first) == seeds_first);
  CHECK(owners(n, edges, Strategy::cascade_highest) == highest);
}

void corner_cases() {
  // a seed below the threshold makes none; best edges give cluster 2 to it all the same
  expect(3, {{0, 0, 0.4}, {0, 2, 0.9}, {1, 1, 0.6}, {1, 2, 0.7}}, {-1, 1, 1}, {-1, 1, -1}, {-1, 1, -1}, {-1, 1, -1});
  // an absorbed seed and its clusters
  expect(4, {{0, 0, 0.9}, {0, 1, 0.8}, {0, 2, 0.6}, {1, 1, 0.9}, {1, 2, 0.7}, {1, 3, 0.9}}, {0, 0, 0, -1}, {0, 0, 0, 0},
         {0, 0, 0, -1}, {0, 0, -1, -1});
  // a chain of seeds is not followed
  expect(3, {{0, 0, 0.9}, {0, 1, 0.8}, {1, 1, 0.9}, {1, 2, 0.8}, {2, 2, 0.9}}, {0, 0, 2}, {0, 0, 2}, {0, 0, 2}, {0, 0, 2});
  // at the threshold seeds cascade but do not merge
  expect(2, {{0, 0, 0.5}, {0, 1, 0.5}, {1, 1, 0.5}}, {0, 0}, {0, 1}, {0, 0}, {0, 0});
  // an edge to a cluster of higher ET is left out; no edge at all; no cluster at all
  expect(2, {{0, 0, 0.2}, {1, 1, 0.9}, {1, 0, 0.9}}, {-1, 1}, {-1, 1}, {-1, 1}, {-1, 1});
  expect(2, {}, {-1, -1}, {-1, -1}, {-1, -1}, {-1, -1});
  expect(0, {}, {}, {}, {}, {});

  // ET 4.08 of 6.3 GeV at eta 1; equal ET: the cluster of lower phi comes first
  const std::vector<zoo::Cluster> pair{{6.0, 1, 0.1, 6.0}, {0.3, 1, 0.1, 0.3}};
  CHECK(zoo::traverse(pair, {{0, 0, 0.9}}).empty());
  CHECK(zoo::traverse(pair, {{0, 0, 0.9}, {0, 1, 0.9}}).size() == 1);
  CHECK(std::abs(zoo::traverse(pair, {{0, 0, 0.9}, {0, 1, 0.9}})[0].et_gev - 6.3 / std::cosh(1.0)) < 1e-12);
  const auto tied = zoo::traverse({{9, 0, 0.2, 9}, {9, 0, 0.1, 9}}, {{0, 0, 1}, {0, 1, 1}, {1, 1, 1}, {1, 0, 1}});
  CHECK(tied.size() == 1 && tied[0].seed == 1 && tied[0].members == (Owners{1, 0}));

  CHECK(zoo::strategy_named("seeds_first") == Strategy::seeds_first);
  CHECK_THROWS(zoo::UnknownName, zoo::strategy_named("cascad"), "strategy 'cascad'", "Did you mean 'cascade'");
  CHECK_THROWS(zoo::InvalidValue, zoo::traverse(pair, {{0, 2, 0.5}}), "Edge::cluster", "2 clusters", "2");
  CHECK_THROWS(zoo::InvalidValue, zoo::traverse(pair, {{-1, 0, 0.5}}), "Edge::seed", "-1");
  CHECK_THROWS(zoo::InvalidValue, zoo::traverse(pair, {{0, 0, NAN}}), "[0, 1]", "nan");
  CHECK_THROWS(zoo::InvalidValue, zoo::traverse(pair, {{0, 1, 0.5}, {0, 1, 0.6}}), "once", "0, 1");
  CHECK_THROWS(zoo::InvalidValue, zoo::traverse({{-1, 0, 0, 1}}, {}), "no negative energy", "-1");
  CHECK_THROWS(zoo::InvalidValue, zoo::traverse({}, {}, Strategy::cascade, 0.0), "threshold");
}

void run_folder(const std::string& in, const std::string& out, Strategy strategy, double threshold, double min_et_gev) {
  const zoo::Tensor clusters = zoo::npy::read(in + "/clusters.npy"), edges = zoo::npy::read(in + "/edges.npy");
  const zoo::Tensor probability = zoo::npy::read(in + "/probability.npy");
  const auto splits = zoo::npy::read(in + "/row_splits.npy").values<std::int64_t>();
  const auto edge_splits = zoo::npy::read(in + "/edge_splits.npy").values<std::int64_t>();
  std::vector<std::int64_t> members;
  std::vector<float> sums;
  for (std::size_t b = 0; b + 1 < splits.size(); ++b) {
    std::vector<zoo::Cluster> event;
    for (std::int64_t i = splits[b]; i < splits[b + 1]; ++i)
      event.push_back({clusters.at<float>(i, 0), clusters.at<float>(i, 1), clusters.at<float>(i, 2), clusters.at<float>(i, 3)});
    std::vector<zoo::Edge> links;
    for (std::int64_t i = edge_splits[b]; i < edge_splits[b + 1]; ++i)
      links.push_back({edges.at<std::int64_t>(i, 0), edges.at<std::int64_t>(i, 1), probability.at<float>(i)});
    for (const zoo::Supercluster& one : zoo::traverse(event, links, strategy, threshold, min_et_gev)) {
      for (const std::int64_t member : one.members)
        members.insert(members.end(), {splits[b] + one.seed, splits[b] + member});
      for (const double value : {one.energy_gev, one.raw_energy_gev, one.eta, one.phi, one.et_gev})
        sums.push_back(static_cast<float>(value));
    }
  }
  const auto rows = static_cast<std::int64_t>(members.size() / 2), found = static_cast<std::int64_t>(sums.size() / 5);
  zoo::npy::write(out + "/members.npy", zoo::Tensor({rows, 2}, std::move(members)));
  zoo::npy::write(out + "/sums.npy", zoo::Tensor({found, 5}, std::move(sums)));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 6)
    run_folder(argv[1], argv[2], zoo::strategy_named(argv[3]), std::atof(argv[4]), std::atof(argv[5]));
  else
    corner_cases();
  return report();
}
