#include "index/coarse_search.h"

#include "io/digest.h"
#include "index/index_parts.h"
#include "nearest/nearest_rows.h"
#include "base/parallel_for.h"

#include <omp.h>

#include <algorithm>
#include <vector>

namespace bqq {

namespace {

// Queries whose products with the centroids are computed together.
constexpr int64_t kTogether = 48;
// Fewer are left to FAISS: looking whether the centroids have changed would take longer.
constexpr int64_t kLeast = 8;

} // namespace

/// The centroids at some time, laid out for the search.
class CoarseSearch::Centroids {
public:
    explicit Centroids(const faiss::IndexFlat& flat)
            : rows(flat.get_xb(), static_cast<size_t>(flat.ntotal), static_cast<size_t>(flat.d),
                   metric_of(flat)),
              digest_(digest(flat)) {}

    const NearestRows rows;

    /// Whether they are what the quantizer has now.
    bool are_of(const faiss::IndexFlat& flat) const {
        return flat.get_xb() == rows.rows() && static_cast<size_t>(flat.ntotal) == rows.size() &&
               static_cast<size_t>(flat.d) == rows.d() && metric_of(flat) == rows.metric() &&
               digest(flat) == digest_;
    }

private:
    uint64_t digest_;

    static Metric metric_of(const faiss::IndexFlat& flat) {
        return flat.metric_type == faiss::METRIC_L2 ? Metric::l2 : Metric::inner_product;
    }
    static uint64_t digest(const faiss::IndexFlat& flat) {
        Digest digest;
        digest.update(
                flat.get_xb(),
                static_cast<size_t>(flat.ntotal) * static_cast<size_t>(flat.d) * sizeof(float));
        return digest.value();
    }
};

CoarseSearch::CoarseSearch() = default;
CoarseSearch::~CoarseSearch() = default;

std::shared_ptr<const CoarseSearch::Centroids> CoarseSearch::centroids(
        const faiss::IndexFlat& flat) const {
    const std::scoped_lock lock(mutex_);
    if (centroids_ == nullptr || !centroids_->are_of(flat))
        centroids_ = std::make_shared<const Centroids>(flat);
    return centroids_;
}

void CoarseSearch::search(
        const faiss::Index& quantizer, int64_t n, const float* x, size_t nprobe,
        const faiss::SearchParameters* params, float* distances, int64_t* keys) const {
    const faiss::IndexFlat* flat = as_plain_flat(&quantizer);
    if (n < kLeast || flat == nullptr || params != nullptr ||
        (flat->metric_type != faiss::METRIC_L2 &&
         flat->metric_type != faiss::METRIC_INNER_PRODUCT)) {
        quantizer.search(n, x, static_cast<int64_t>(nprobe), distances, keys, params);
        return;
    }
    const std::shared_ptr<const Centroids> all = centroids(*flat);
    const auto d = static_cast<size_t>(flat->d);
    const int64_t groups = (n + kTogether - 1) / kTogether;
    FirstError error;
#pragma omp parallel if (groups > 1 && omp_in_parallel() == 0)
    {
        NearestRows::Scratch scratch;
#pragma omp for schedule(dynamic)
        for (int64_t group = 0; group < groups; ++group)
            error.guard([&] {
                const auto first = static_cast<size_t>(group * kTogether);
                all->rows.find(
                        static_cast<size_t>(std::min(kTogether, n - group * kTogether)),
                        x + first * d, nprobe, distances + first * nprobe, keys + first * nprobe,
                        scratch);
            });
    }
    error.rethrow();
}

void CoarseSearch::assign(
        const faiss::Index& quantizer, int64_t n, const float* x, int64_t* keys) const {
    std::vector<float> distances(static_cast<size_t>(n));
    search(quantizer, n, x, 1, nullptr, distances.data(), keys);
}

} // namespace bqq
