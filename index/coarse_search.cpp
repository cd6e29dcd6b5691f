#include "coarse_search.h"

#include "codec/row_set.h"
#include "formats/digest.h"
#include "index_parts.h"
#include "kernels/dot_rows.h"
#include "parallel/first_error.h"
#include "search/row_sketch.h"
#include "search/smallest_keys.h"

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <limits>
#include <optional>
#include <vector>

namespace bqq {

namespace {

// Queries whose products with the centroids are computed together.
constexpr int64_t kTogether = 48;
// Fewer are left to FAISS: looking whether the centroids have changed would take longer.
constexpr int64_t kLeast = 8;
// Sketches of fewer dimensions or centroids would save nothing.
constexpr size_t kLeastDimension = 2 * RowSketch::kDirections;
constexpr size_t kLeastCentroids = 2 * RowSketch::kDirections;
// A distance that is computed alone takes as long as this many in a product with all centroids.
constexpr size_t kAlone = 12;

} // namespace

/// The centroids at some time, laid out for the search.
class CoarseSearch::Centroids {
public:
    explicit Centroids(const faiss::IndexFlat& flat)
            : rows_(flat.get_xb()),
              size_(static_cast<size_t>(flat.ntotal)),
              d_(static_cast<size_t>(flat.d)),
              l2_(flat.metric_type == faiss::METRIC_L2),
              digest_(digest(flat)) {
        if (d_ >= kLeastDimension && size_ >= kLeastCentroids)
            sketch_.emplace(rows_, size_, d_, l2_ ? Metric::l2 : Metric::inner_product);
    }

    /// Whether they are what the quantizer has now.
    bool are_of(const faiss::IndexFlat& flat) const {
        return flat.get_xb() == rows_ && static_cast<size_t>(flat.ntotal) == size_ &&
               static_cast<size_t>(flat.d) == d_ && (flat.metric_type == faiss::METRIC_L2) == l2_ &&
               digest(flat) == digest_;
    }

    struct Scratch {
        RowSketch::Scratch sketch;
        SmallestKeys smallest;
        std::vector<float> ranks; ///< squared distances, or products with the sign changed
    };

    /// The nprobe nearest to each of n queries, on the calling thread.
    void search(
            size_t n, const float* x, size_t nprobe, float* distances, int64_t* keys,
            Scratch& scratch) const {
        if (sketch_ && sketch_pays_ && nprobe * kAlone <= size_) {
            const size_t computed =
                    sketch_->find_nearest(rows_, n, x, nprobe, distances, keys, scratch.sketch);
            if (computed * kAlone > n * size_) sketch_pays_ = false;
            return;
        }
        std::call_once(packed_once_, [&] { pack(); });
        scratch.ranks.resize(n * size_);
        float* ranks = scratch.ranks.data();
        if (l2_) {
            row_set_.squared_distances(n, x, ranks);
        } else {
            kernels::dot_rows(x, d_, n, packed_, ranks, size_);
            for (float& rank : scratch.ranks) rank = -rank;
        }
        for (size_t i = 0; i < n; ++i) {
            const auto found = scratch.smallest.find(ranks + i * size_, size_, nprobe);
            for (size_t rank = 0; rank < nprobe; ++rank) {
                // Distances that are not numbers, of queries far out of the range of a float's square, are missing.
                const bool is_there = rank < found.size();
                const float key = is_there ? kernels::key_of(found[rank])
                                           : std::numeric_limits<float>::infinity();
                distances[i * nprobe + rank] = l2_ ? std::max(key, 0.0f) : -key;
                keys[i * nprobe + rank] =
                        is_there ? static_cast<int64_t>(kernels::place_of(found[rank])) : -1;
            }
        }
    }

private:
    const float* rows_;
    size_t size_;
    size_t d_;
    bool l2_;
    uint64_t digest_;
    std::optional<RowSketch> sketch_;
    mutable std::atomic<bool> sketch_pays_ =
            true; ///< until it leaves too many distances to be computed
    mutable std::once_flag
            packed_once_;    ///< what products with all take is made when it is first needed
    mutable RowSet row_set_; ///< for L2
    mutable kernels::PackedRows packed_; ///< for the inner product

    static uint64_t digest(const faiss::IndexFlat& flat) {
        Digest digest;
        digest.update(
                flat.get_xb(),
                static_cast<size_t>(flat.ntotal) * static_cast<size_t>(flat.d) * sizeof(float));
        return digest.value();
    }

    void pack() const {
        if (l2_)
            row_set_ = RowSet(rows_, size_, d_);
        else
            packed_ = kernels::PackedRows(rows_, d_, size_, d_);
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
        Centroids::Scratch scratch;
#pragma omp for schedule(dynamic)
        for (int64_t group = 0; group < groups; ++group)
            error.guard([&] {
                const auto first = static_cast<size_t>(group * kTogether);
                all->search(
                        static_cast<size_t>(std::min(kTogether, n - group * kTogether)),
                        x + first * d, nprobe, distances + first * nprobe, keys + first * nprobe,
                        scratch);
            });
    }
    error.rethrow();
}

} // namespace bqq
