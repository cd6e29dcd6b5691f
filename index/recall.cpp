#include "index/recall.h"

#include "kernels/sums_in_double.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace bqq {

Recall measure_recall(const int64_t* found, const SearchTruth& truth) {
    const size_t k = truth.k, d = truth.d;
    const bool l2 = truth.metric == faiss::METRIC_L2;
    size_t first_hits = 0;
    size_t hits = 0;
    std::vector<int64_t> labels;
    for (size_t i = 0; i < truth.queries; ++i) {
        const auto distance = [&](int64_t label) { // smaller for nearer vectors
            const float* query = truth.x + i * d;
            const float* row = truth.base + static_cast<size_t>(label) * d;
            return l2 ? kernels::squared_distance(query, row, d)
                      : -kernels::inner_product(query, row, d);
        };
        // Rounding may have put either of two first.
        const auto tied = [&](int64_t label, int64_t with) {
            constexpr double kRounding = 1e-6;
            const double limit = distance(with);
            return std::fabs(distance(label) - limit) <= kRounding * std::fabs(limit);
        };
        const int64_t* nearest = truth.nearest + i * k;
        labels.assign(found + i * k, found + (i + 1) * k);
        first_hits += labels[0] >= 0 && tied(labels[0], nearest[0]);
        std::sort(labels.begin(), labels.end());
        labels.erase(std::unique(labels.begin(), labels.end()), labels.end());
        hits += static_cast<size_t>(std::count_if(labels.begin(), labels.end(), [&](int64_t label) {
            return std::find(nearest, nearest + k, label) != nearest + k ||
                   (label >= 0 && tied(label, nearest[k - 1]));
        }));
    }
    const auto queries = static_cast<double>(truth.queries);
    return {static_cast<double>(first_hits) / queries,
            static_cast<double>(hits) / (queries * static_cast<double>(k))};
}

} // namespace bqq
