#include "command/searching.h"

#include "command/progress_bar.h"
#include "index/exact_search.h"

#include <faiss/impl/AuxIndexStructures.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

namespace bqq::command {

namespace {

bool nearer(faiss::MetricType metric, float a, float b) {
    return metric == faiss::METRIC_INNER_PRODUCT ? a > b : a < b;
}

} // namespace

Neighbours search_index(const faiss::Index& index, const Matrix<float>& queries, size_t k) {
    if (k > std::numeric_limits<int32_t>::max() / queries.n) {
        throw std::runtime_error(
                "k = " + std::to_string(k) + " for " + std::to_string(queries.n) +
                " queries gives more than 2^31 neighbours");
    }
    Neighbours found{
            queries.n, k, std::vector<int64_t>(queries.n * k, -1),
            std::vector<float>(queries.n * k)};
    index.search(
            static_cast<int64_t>(queries.n), queries.values.data(), static_cast<int64_t>(k),
            found.distances.data(), found.labels.data());
    return found;
}

Neighbours range_search_index(
        const faiss::Index& index, const Matrix<float>& queries, float radius) {
    faiss::RangeSearchResult result(static_cast<int64_t>(queries.n));
    index.range_search(static_cast<int64_t>(queries.n), queries.values.data(), radius, &result);
    Neighbours found{queries.n, 0, {}, {}, {result.lims, result.lims + queries.n + 1}};
    std::vector<size_t> order(found.limits.back());
    std::iota(order.begin(), order.end(), size_t{0});
    const auto at = [&](size_t place) {
        return order.begin() + static_cast<std::ptrdiff_t>(found.limits[place]);
    };
    for (size_t i = 0; i < queries.n; ++i)
        std::sort(at(i), at(i + 1), [&](size_t a, size_t b) {
            if (result.distances[a] == result.distances[b])
                return result.labels[a] < result.labels[b];
            return nearer(index.metric_type, result.distances[a], result.distances[b]);
        });
    for (const size_t place : order) {
        found.labels.push_back(result.labels[place]);
        found.distances.push_back(result.distances[place]);
    }
    return found;
}

std::vector<int64_t> exact_search(
        const Matrix<float>& base, const Matrix<float>& queries, size_t k,
        faiss::MetricType metric) {
    ProgressBar bar("exact search");
    return bqq::exact_search(
                   base.n, base.values.data(), base.d, metric, queries.n, queries.values.data(), k,
                   bar.listener())
            .rows;
}

} // namespace bqq::command
