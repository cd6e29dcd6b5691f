#include "search/flat_search.h"

#include "nearest/nearest.h"
#include "base/parallel_for.h"
#include "search/common_units.h"
#include "search/query_scan.h"

#include <omp.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <vector>

namespace bqq {

namespace {

using kernels::InterleavedCodes;
using kernels::kBlock;

// Queries that pass together over a piece of the codes small enough for the second-level cache.
constexpr size_t kQueriesTogether = 16;
constexpr size_t kPieceBytes = 256 << 10;
// Where each group's basis is read for them, more.
constexpr size_t kQueriesOfGroups = 192;

/** Ranks of a group for one query. What the query alone adds to its distances is left out of them, as far as it can be:
 * it may be so large that differences would be lost in it.
 * @param q2        what the query adds to each key in the group, in units of its basis: see prepare_scans()
 * @param left_out  what all ranks of the query leave out; if not yet known, it becomes what this group leaves out
 */
Ranks ranks_of(
        const CommonUnits& units, const BinaryQuadraticQuantizer& group, double q2,
        std::optional<double>& left_out) {
    const double factor = units.of_group(group);
    const double own = units.l2() ? factor * q2 : -factor * q2;
    if (!left_out) left_out = own;
    return {factor, own - *left_out};
}

/// A label while the search goes on: group and position.
constexpr int kPositionBits = 48;
int64_t to_label(size_t group, size_t position) {
    return static_cast<int64_t>(group << kPositionBits | position);
}
GroupedCodes::Place to_place(int64_t label) {
    const auto bits = static_cast<size_t>(label);
    return {bits >> kPositionBits, bits & ((size_t{1} << kPositionBits) - 1)};
}

/// Searches of queries that go over the codes together.
class Batch {
public:
    Batch(const GroupedQuantizer& quantizer, const GroupedCodes& codes, size_t n, const float* x,
          size_t k, const ScanParameters& parameters, const Allowed& allowed)
            : quantizer_(quantizer),
              units_(quantizer),
              codes_(codes),
              x_(x),
              parameters_(parameters),
              allowed_(allowed),
              nearest_(n, Nearest(k, codes.size())),
              left_out_(n) {}

    /// Each query's own group first, so that few codes of the others come near its threshold.
    void run() {
        const size_t n = nearest_.size();
        std::vector<uint32_t> own(n);
        quantizer_.assign(n, x_, own.data());
        std::vector<size_t> queries;
        for (const bool is_own : {true, false})
            for (size_t g = 0; g < codes_.groups(); ++g) {
                queries.clear();
                for (size_t i = 0; i < n; ++i)
                    if ((own[i] == g) == is_own) queries.push_back(i);
                scan(g, queries);
            }
    }

    /// The results of query i, best first; rows of size k.
    void results(size_t i, float* distances, int64_t* labels) {
        size_t place = 0;
        for (const auto& [rank, label] : nearest_[i].sorted()) {
            distances[place] =
                    units_.distance(static_cast<double>(rank) + left_out_[i].value_or(0));
            labels[place++] = static_cast<int64_t>(codes_.index(to_place(label)));
        }
    }

private:
    const GroupedQuantizer& quantizer_;
    CommonUnits units_;
    const GroupedCodes& codes_;
    const float* x_;
    const ScanParameters& parameters_;
    const Allowed& allowed_;
    std::vector<Nearest> nearest_;
    std::vector<std::optional<double>> left_out_; ///< of each query, once it met a group

    void scan(size_t g, const std::vector<size_t>& queries) {
        const InterleavedCodes codes = codes_.blocks(g).view();
        // An empty group of the queries' own says all the same what their ranks leave out.
        if (queries.empty() || (codes.size == 0 && left_out_[queries.front()])) return;
        const BinaryQuadraticQuantizer& quantizer = quantizer_.group(g);
        std::vector<double> q2(queries.size());
        const std::vector<QueryScan> scans =
                prepare_scans(quantizer, queries, x_, parameters_, q2.data());
        std::vector<Ranks> ranks;
        for (size_t i = 0; i < queries.size(); ++i)
            ranks.push_back(ranks_of(units_, quantizer, q2[i], left_out_[queries[i]]));
        const size_t piece = std::max<size_t>(1, kPieceBytes / (kBlock * codes.code_size));
        for (size_t begin = 0; begin < codes.blocks(); begin += piece)
            for (size_t i = 0; i < queries.size(); ++i) {
                Nearest& nearest = nearest_[queries[i]];
                scans[i].run(
                        codes, begin, std::min(begin + piece, codes.blocks()),
                        [&](size_t position) { return is_allowed(g, position); },
                        [&] { return ranks[i].key(nearest.threshold()); },
                        [&](size_t position, float key) {
                            nearest.add(to_label(g, position), ranks[i].rank(key));
                        });
            }
    }

    bool is_allowed(size_t g, size_t position) const {
        return !allowed_ || allowed_(static_cast<int64_t>(codes_.index({g, position})));
    }
};

} // namespace

void search_codes(
        const GroupedQuantizer& quantizer, const GroupedCodes& codes, size_t n, const float* x,
        size_t k, const ScanParameters& parameters, const Allowed& allowed, float* distances,
        int64_t* labels) {
    // Fewer together where there are few queries for each thread.
    const auto threads = static_cast<size_t>(omp_in_parallel() != 0 ? 1 : omp_get_max_threads());
    const size_t most = codes.groups() == 1 ? kQueriesTogether : kQueriesOfGroups;
    const size_t together = std::clamp<size_t>((n + threads - 1) / threads, 1, most);
    const auto batches = static_cast<int64_t>((n + together - 1) / together);
    const float worst = quantizer.metric == Metric::l2 ? std::numeric_limits<float>::max()
                                                       : std::numeric_limits<float>::lowest();
    // Results of the queries from `first` on.
    const auto search_batch = [&](size_t first) {
        const size_t count = std::min(together, n - first);
        Batch batch(quantizer, codes, count, x + first * quantizer.d, k, parameters, allowed);
        batch.run();
        for (size_t i = 0; i < count; ++i) {
            float* row_distances = distances + (first + i) * k;
            int64_t* row_labels = labels + (first + i) * k;
            std::fill_n(row_distances, k, worst);
            std::fill_n(row_labels, k, int64_t{-1});
            batch.results(i, row_distances, row_labels);
        }
    };
    FirstError error;
#pragma omp parallel for schedule(dynamic) if (batches > 1)
    for (int64_t batch = 0; batch < batches; ++batch)
        error.guard([&] { search_batch(static_cast<size_t>(batch) * together); });
    error.rethrow();
}

void range_search_codes(
        const GroupedQuantizer& quantizer, const GroupedCodes& codes, const float* x, float radius,
        const ScanParameters& parameters, const Allowed& allowed, const Found& found) {
    const CommonUnits units(quantizer);
    std::optional<double> left_out;
    const auto scan = [&](size_t g) {
        const InterleavedCodes view = codes.blocks(g).view();
        if (view.size == 0 && left_out) return;
        double q2 = 0;
        const std::vector<QueryScan> scans =
                prepare_scans(quantizer.group(g), 1, x, parameters, &q2);
        const Ranks ranks = ranks_of(units, quantizer.group(g), q2, left_out);
        const auto limit = static_cast<float>(units.rank(radius) - *left_out);
        scans.front().run(
                view, 0, view.blocks(),
                [&](size_t position) {
                    return !allowed || allowed(static_cast<int64_t>(codes.index({g, position})));
                },
                [&] { return ranks.key(limit); },
                [&](size_t position, float key) {
                    const float rank = ranks.rank(key);
                    if (rank < limit)
                        found(static_cast<int64_t>(codes.index({g, position})),
                              units.distance(static_cast<double>(rank) + *left_out));
                });
    };
    // In the order of search_codes(), so that distances are rounded as there.
    uint32_t own = 0;
    quantizer.assign(1, x, &own);
    scan(own);
    for (size_t g = 0; g < codes.groups(); ++g)
        if (g != own) scan(g);
}

} // namespace bqq
