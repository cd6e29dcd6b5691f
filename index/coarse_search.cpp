#include "index/coarse_search.h"

#include "base/parallel_for.h"
#include "index/wrappers.h"

#include <algorithm>
#include <vector>

namespace bqq {

namespace {

// Queries whose products with the centroids are computed together.
constexpr size_t kQueriesTogether = 48;
// Fewer queries are compared with all centroids one by one.
constexpr int64_t kLeast = 8;

const faiss::IndexFlat* as_searchable(const faiss::Index& quantizer) {
    const faiss::IndexFlat* flat = as_plain_flat(&quantizer);
    if (flat == nullptr ||
        (flat->metric_type != faiss::METRIC_L2 && flat->metric_type != faiss::METRIC_INNER_PRODUCT))
        return nullptr;
    return flat;
}

} // namespace

CoarseSearch::CoarseSearch(const faiss::Index& quantizer)
        : quantizer_(&quantizer), flat_(as_searchable(quantizer)), count_(quantizer.ntotal) {
    if (flat_ == nullptr) return;
    centroids_ = flat_->get_xb();
    metric_ = flat_->metric_type == faiss::METRIC_L2 ? Metric::l2 : Metric::inner_product;
}

bool CoarseSearch::is_of(const faiss::Index& quantizer) const {
    return &quantizer == quantizer_ && quantizer.ntotal == count_ &&
           (flat_ == nullptr || flat_->get_xb() == centroids_);
}

void CoarseSearch::search(
        const faiss::Index& quantizer, int64_t n, const float* x, size_t nprobe,
        const faiss::SearchParameters* params, float* distances, int64_t* keys) const {
    if (params != nullptr || !is_of(quantizer) || flat_ == nullptr || count_ == 0) {
        quantizer.search(n, x, static_cast<int64_t>(nprobe), distances, keys, params);
        return;
    }
    const auto d = static_cast<size_t>(flat_->d);
    if (n < kLeast) {
        find_nearest_rows(
                centroids_, static_cast<size_t>(count_), d, metric_, static_cast<size_t>(n), x,
                nprobe, distances, keys);
        return;
    }
    std::call_once(once_, [&] {
        rows_.emplace(centroids_, static_cast<size_t>(count_), d, metric_);
        rows_bytes_ = rows_->memory_bytes();
    });
    parallel_ranges_with(
            static_cast<size_t>(n), kQueriesTogether, [] { return NearestRows::Scratch(); },
            [&](NearestRows::Scratch& scratch, size_t first, size_t last) {
                rows_->find(
                        last - first, x + first * d, nprobe, distances + first * nprobe,
                        keys + first * nprobe, scratch);
            });
}

void CoarseSearch::assign(
        const faiss::Index& quantizer, int64_t n, const float* x, int64_t* keys) const {
    std::vector<float> distances(static_cast<size_t>(n));
    search(quantizer, n, x, 1, nullptr, distances.data(), keys);
}

size_t CoarseSearch::memory_bytes() const {
    return sizeof *this + rows_bytes_;
}

} // namespace bqq
