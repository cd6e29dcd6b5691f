#include "command/searching.h"

#include "command/progress_bar.h"

#include <faiss/IndexFlat.h>

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>

namespace bqq::command {

namespace {

constexpr size_t base_vectors_at_once = 1 << 14;

/// Puts the nearest k of both, of which `found` has the smaller labels, into `found`.
void merge(Neighbours& found, const Neighbours& more, faiss::MetricType metric) {
    const auto nearer = [&](float a, float b) {
        return metric == faiss::METRIC_INNER_PRODUCT ? a > b : a < b;
    };
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
            return nearer(a.first, b.first);
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
