#include "search/flat_search.h"

#include "parallel/first_error.h"
#include "search/nearest.h"
#include "search/query_scan.h"

#include <algorithm>
#include <limits>
#include <vector>

namespace bqq {

namespace {

using kernels::InterleavedCodes;
using kernels::kBlock;

// Queries that pass together over a piece of the codes small enough for the second-level cache.
constexpr size_t kQueriesTogether = 16;
constexpr size_t kPieceBytes = 256 << 10;

/// Distances of a query's keys: the key of a flat code lacks what the query alone brings.
class KeyDistances {
public:
    KeyDistances(const BinaryQuadraticQuantizer& quantizer, double q2)
            : l2_(quantizer.metric == Metric::l2), q2_(q2), unit_(quantizer.basis().scale) {}

    float distance(float key) const {
        const double distance = l2_ ? unit_ * unit_ * std::max(q2_ + static_cast<double>(key), 0.0)
                                    : unit_ * (q2_ - static_cast<double>(key));
        return static_cast<float>(distance);
    }
    float key(float distance) const {
        const double d = distance;
        return static_cast<float>(l2_ ? d / (unit_ * unit_) - q2_ : q2_ - d / unit_);
    }

private:
    bool l2_;
    double q2_;
    double unit_;
};

auto test_of(const Allowed& allowed) {
    return [&allowed](size_t position) {
        return !allowed || allowed(static_cast<int64_t>(position));
    };
}

} // namespace

void search_codes(
        const BinaryQuadraticQuantizer& quantizer, const InterleavedCodes& codes, size_t n,
        const float* x, size_t k, const ScanParameters& parameters, const Allowed& allowed,
        float* distances, int64_t* labels) {
    const size_t piece = std::max<size_t>(1, kPieceBytes / (kBlock * codes.code_size));
    const auto groups = static_cast<int64_t>((n + kQueriesTogether - 1) / kQueriesTogether);
    const float worst = quantizer.metric == Metric::l2 ? std::numeric_limits<float>::max()
                                                       : std::numeric_limits<float>::lowest();
    // Results of the queries from `first` on.
    const auto search_group = [&](size_t first) {
        const size_t count = std::min(kQueriesTogether, n - first);
        std::vector<double> q2(count);
        const std::vector<QueryScan> scans =
                prepare_scans(quantizer, count, x + first * quantizer.d, parameters, q2.data());
        std::vector<Nearest> nearest(count, Nearest(k, codes.size));
        for (size_t begin = 0; begin < codes.blocks(); begin += piece)
            for (size_t i = 0; i < count; ++i)
                scans[i].run(
                        codes, begin, std::min(begin + piece, codes.blocks()), test_of(allowed),
                        [&] { return nearest[i].threshold(); },
                        [&](size_t position, float key) {
                            nearest[i].add(static_cast<int64_t>(position), key);
                        });
        for (size_t i = 0; i < count; ++i) {
            const KeyDistances keys(quantizer, q2[i]);
            float* row_distances = distances + (first + i) * k;
            int64_t* row_labels = labels + (first + i) * k;
            std::fill_n(row_distances, k, worst);
            std::fill_n(row_labels, k, int64_t{-1});
            size_t rank = 0;
            for (const auto& [key, position] : nearest[i].sorted()) {
                row_distances[rank] = keys.distance(key);
                row_labels[rank++] = position;
            }
        }
    };
    FirstError error;
#pragma omp parallel for schedule(dynamic) if (groups > 1)
    for (int64_t group = 0; group < groups; ++group)
        error.guard([&] { search_group(static_cast<size_t>(group) * kQueriesTogether); });
    error.rethrow();
}

void range_search_codes(
        const BinaryQuadraticQuantizer& quantizer, const InterleavedCodes& codes, const float* x,
        float radius, const ScanParameters& parameters, const Allowed& allowed,
        const Found& found) {
    double q2 = 0;
    const std::vector<QueryScan> scans = prepare_scans(quantizer, 1, x, parameters, &q2);
    const KeyDistances keys(quantizer, q2);
    const float threshold = keys.key(radius);
    scans.front().run(
            codes, 0, codes.blocks(), test_of(allowed), [&] { return threshold; },
            [&](size_t position, float key) {
                if (key < threshold) found(static_cast<int64_t>(position), keys.distance(key));
            });
}

} // namespace bqq
