#include "coarse_search.h"

#include "codec/row_set.h"
#include "index_parts.h"
#include "kernels/dot_rows.h"
#include "parallel/first_error.h"

#include <faiss/IndexFlat.h>
#include <omp.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

namespace bqq {

namespace {

// Queries whose products with the centroids are computed together.
constexpr idx_t kTogether = 48;
// Fewer are left to FAISS, which needs neither norms nor another layout of the centroids for them.
constexpr idx_t kLeast = 8;

using KeyAndPlace = std::pair<float, uint32_t>;
constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();

/** Finds the k smallest of many keys.
 *
 * A heap would be mispredicted once for each key that enters it. Here the keys are dealt out to a few times k groups:
 * the k-th smallest of the least keys of the groups bounds the k-th smallest key, and few other keys are below it.
 */
class SmallestKeys {
public:
    /// The keys with their places, smallest first. @param k  1 to n
    std::span<const KeyAndPlace> find(const float* keys, size_t n, size_t k) {
        const float bound = upper_bound(keys, n, k);
        constexpr size_t kStep = 16; // keys that are looked at together
        best_.resize(std::max(best_.size(), n));
        size_t size = 0;
        for (size_t i = 0; i < n; i += kStep) {
            const size_t end = std::min(n, i + kStep);
            int any = 0;
            for (size_t j = i; j < end; ++j) any |= keys[j] <= bound ? 1 : 0;
            if (any == 0) continue;
            for (size_t j = i; j < end; ++j)
                if (keys[j] <= bound) best_[size++] = {keys[j], static_cast<uint32_t>(j)};
        }
        // Keys that are not numbers, of queries far out of the range of a float's square, are missing.
        for (; size < k; ++size) best_[size] = {std::numeric_limits<float>::infinity(), kNone};
        std::sort(best_.begin(), best_.begin() + static_cast<std::ptrdiff_t>(size));
        return {best_.data(), k};
    }

private:
    std::vector<float> least_;
    std::vector<KeyAndPlace> best_;

    float upper_bound(const float* keys, size_t n, size_t k) {
        const size_t groups = std::min(n, 4 * k);
        least_.assign(groups, std::numeric_limits<float>::infinity());
        for (size_t i = 0; i < n; i += groups) {
            const size_t count = std::min(groups, n - i);
            float* least = least_.data();
            for (size_t g = 0; g < count; ++g)
                least[g] = keys[i + g] < least[g] ? keys[i + g] : least[g];
        }
        const auto last = least_.begin() + static_cast<std::ptrdiff_t>(k - 1);
        std::nth_element(least_.begin(), last, least_.end());
        return *last;
    }
};

} // namespace

void search_centroids(
        const IndexIVFBQQ& index, idx_t n, const float* x, size_t nprobe,
        const faiss::SearchParameters* params, float* distances, idx_t* keys) {
    const faiss::IndexFlat* flat = as_plain_flat(index.quantizer);
    const auto d = static_cast<size_t>(index.d);
    if (n < kLeast || flat == nullptr || params != nullptr ||
        flat->metric_type != index.metric_type) {
        index.quantizer->search(n, x, static_cast<idx_t>(nprobe), distances, keys, params);
        return;
    }
    const bool l2 = index.metric_type == faiss::METRIC_L2;
    const auto lists = static_cast<size_t>(flat->ntotal);
    const float* centroids = flat->get_xb();
    const RowSet rows = l2 ? RowSet(centroids, lists, d) : RowSet();
    const kernels::PackedRows packed =
            l2 ? kernels::PackedRows() : kernels::PackedRows(centroids, d, lists, d);
    const idx_t groups = (n + kTogether - 1) / kTogether;
    FirstError error;
#pragma omp parallel if (groups > 1 && omp_in_parallel() == 0)
    {
        std::vector<float> ranks; // squared distances, or products with the sign changed
        SmallestKeys smallest;
#pragma omp for schedule(dynamic)
        for (idx_t group = 0; group < groups; ++group)
            error.guard([&] {
                const auto first = static_cast<size_t>(group * kTogether);
                const auto count = static_cast<size_t>(std::min(kTogether, n - group * kTogether));
                ranks.resize(count * lists);
                if (l2) {
                    rows.squared_distances(count, x + first * d, ranks.data());
                } else {
                    kernels::dot_rows(x + first * d, d, count, packed, ranks.data(), lists);
                    for (float& rank : ranks) rank = -rank;
                }
                for (size_t i = 0; i < count; ++i) {
                    size_t place = (first + i) * nprobe;
                    for (const auto& [rank, c] :
                         smallest.find(ranks.data() + i * lists, lists, nprobe)) {
                        distances[place] = l2 ? std::max(rank, 0.0f) : -rank;
                        keys[place++] = c == kNone ? -1 : static_cast<idx_t>(c);
                    }
                }
            });
    }
    error.rethrow();
}

} // namespace bqq
