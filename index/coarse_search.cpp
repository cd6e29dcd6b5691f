#include "coarse_search.h"

#include "index_parts.h"
#include "kernels/dot_rows.h"
#include "parallel/first_error.h"

#include <faiss/IndexFlat.h>
#include <omp.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace bqq {

namespace {

// Queries whose products with the centroids are computed together.
constexpr idx_t kTogether = 16;
// Fewer are left to FAISS, which needs no norms of the centroids for them.
constexpr idx_t kLeast = 4;
// From so many numbers in the queries on, FAISS 1.15 multiplies by BLAS, and takes half the time of what is done here;
// below it takes twice as long.
constexpr size_t kMost = 128000;

double norm2(const float* x, size_t d) {
    double sum = 0;
    for (size_t j = 0; j < d; ++j) sum += static_cast<double>(x[j]) * static_cast<double>(x[j]);
    return sum;
}

using KeyAndPlace = std::pair<float, uint32_t>;
constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();

/// Brings the k smallest of the first `size` to the front; the largest of them is returned.
float keep_smallest(std::vector<KeyAndPlace>& best, size_t size, size_t k) {
    const auto begin = best.begin();
    const auto last = begin + static_cast<std::ptrdiff_t>(k - 1);
    std::nth_element(begin, last, begin + static_cast<std::ptrdiff_t>(size));
    return last->first;
}

/** The k smallest of n keys with their places, smallest first.
 *
 * A heap would be mispredicted once for each key that enters it. This appends without a branch what is not above the
 * k-th smallest so far, and now and then drops all beyond the k smallest.
 * @param k  at most n
 */
void smallest(const float* keys, size_t n, size_t k, std::vector<KeyAndPlace>& best) {
    constexpr size_t kStep = 16; // keys that are looked at together
    best.resize(2 * k + 4 * kStep);
    float threshold = std::numeric_limits<float>::infinity();
    size_t size = 0;
    for (size_t i = 0; i < n; i += kStep) {
        const size_t end = std::min(n, i + kStep);
        int any = 0;
        for (size_t j = i; j < end; ++j) any |= keys[j] <= threshold ? 1 : 0;
        if (any == 0) continue;
        for (size_t j = i; j < end; ++j) {
            best[size] = {keys[j], static_cast<uint32_t>(j)};
            size += keys[j] <= threshold ? 1 : 0;
        }
        if (size + kStep < best.size()) continue;
        threshold = keep_smallest(best, size, k);
        size = k;
    }
    if (size > k) (void)keep_smallest(best, size, k);
    best.resize(k);
    // Keys that are not numbers, of queries far out of the range of a float's square.
    for (; size < k; ++size) best[size] = {std::numeric_limits<float>::infinity(), kNone};
    std::sort(best.begin(), best.end());
}

} // namespace

void search_centroids(
        const IndexIVFBQQ& index, idx_t n, const float* x, size_t nprobe,
        const faiss::SearchParameters* params, float* distances, idx_t* keys) {
    const faiss::IndexFlat* flat = as_plain_flat(index.quantizer);
    const auto d = static_cast<size_t>(index.d);
    if (n < kLeast || static_cast<size_t>(n) * d >= kMost || flat == nullptr || params != nullptr ||
        flat->metric_type != index.metric_type) {
        index.quantizer->search(n, x, static_cast<idx_t>(nprobe), distances, keys, params);
        return;
    }
    const bool l2 = index.metric_type == faiss::METRIC_L2;
    const auto lists = static_cast<size_t>(flat->ntotal);
    const float* centroids = flat->get_xb();
    std::vector<float> norms(l2 ? lists : 0);
    for (size_t c = 0; c < norms.size(); ++c)
        norms[c] = static_cast<float>(norm2(centroids + c * d, d));
    const idx_t groups = (n + kTogether - 1) / kTogether;
    FirstError error;
#pragma omp parallel for schedule(dynamic) if (groups > 1 && omp_in_parallel() == 0)
    for (idx_t group = 0; group < groups; ++group)
        error.guard([&] {
            const auto first = static_cast<size_t>(group * kTogether);
            const auto count = static_cast<size_t>(std::min(kTogether, n - group * kTogether));
            std::vector<float> products(count * lists);
            std::vector<KeyAndPlace> best;
            kernels::dot_rows(
                    x + first * d, d, count, centroids, d, lists, d, products.data(), lists);
            for (size_t i = 0; i < count; ++i) {
                const float q2 = l2 ? static_cast<float>(norm2(x + (first + i) * d, d)) : 0;
                float* key = products.data() + i * lists;
                for (size_t c = 0; c < lists; ++c) key[c] = l2 ? norms[c] - 2 * key[c] : -key[c];
                smallest(key, lists, nprobe, best);
                size_t place = (first + i) * nprobe;
                for (const auto& [least, c] : best) {
                    distances[place] = l2 ? std::max(q2 + least, 0.0f) : -least;
                    keys[place++] = c == kNone ? -1 : static_cast<idx_t>(c);
                }
            }
        });
    error.rethrow();
}

} // namespace bqq
