#include "command/searching.h"

#include "command/progress_bar.h"

#include <faiss/IndexFlat.h>
#include <faiss/impl/AuxIndexStructures.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>

namespace bqq::command {

namespace {

constexpr size_t base_vectors_at_once = 1 << 14;

bool nearer(faiss::MetricType metric, float a, float b) {
    return metric == faiss::METRIC_INNER_PRODUCT ? a > b : a < b;
}

/// Puts the nearest k of both, of which `found` has the smaller labels, into `found`.
void merge(Neighbours& found, const Neighbours& more, faiss::MetricType metric) {
    const size_t k = found.k;
    std::vector<std::pair<float, int64_t>> merged(2 * k);
    for (size_t i = 0; i < found.n; ++i) {
        merged.clear();
        for (const Neighbours* part : {static_cast<const Neighbours*>(&found), &more}) {
            for (size_t j = i * part->k; j < (i + 1) * part->k; ++j) {
                if (part->labels[j] >= 0) {
                    merged.emplace_back(part->distances[j], part->labels[j]);
                }
            }
        }
        std::stable_sort(merged.begin(), merged.end(), [&](const auto& a, const auto& b) {
            return nearer(metric, a.first, b.first);
        });
        for (size_t j = 0; j < std::min(k, merged.size()); ++j) {
            std::tie(found.distances[i * k + j], found.labels[i * k + j]) = merged[j];
        }
    }
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

Neighbours exact_search(
        const Matrix<float>& base, const Matrix<float>& queries, size_t k,
        faiss::MetricType metric) {
    ProgressBar bar("exact search");
    Neighbours found{
            queries.n, k, std::vector<int64_t>(queries.n * k, -1),
            std::vector<float>(queries.n * k)};
    for (size_t begin = 0; begin < base.n; begin += base_vectors_at_once) {
        const size_t count = std::min(base_vectors_at_once, base.n - begin);
        faiss::IndexFlat part(static_cast<int64_t>(base.d), metric);
        part.add(static_cast<int64_t>(count), base.row(begin));
        Neighbours more = search_index(part, queries, std::min(k, count));
        for (int64_t& label : more.labels) {
            if (label >= 0) label += static_cast<int64_t>(begin);
        }
        merge(found, more, metric);
        bar.show(begin + count, base.n);
    }
    return found;
}

} // namespace bqq::command
