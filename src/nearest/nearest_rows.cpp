#include "nearest/nearest_rows.h"

#include <algorithm>
#include <limits>

namespace bqq {

namespace {

// Sketches of fewer dimensions or rows would save nothing.
constexpr size_t kLeastDimension = 2 * RowSketch::kDirections;
constexpr size_t kLeastRows = 2 * RowSketch::kDirections;
// A distance that is computed alone takes as long as this many in a product with all rows.
constexpr size_t kAlone = 12;
// A sketch is tried with this many of the rows themselves, and this many neighbours of each.
constexpr size_t kTried = 48;
constexpr size_t kNeighbours = 16;

} // namespace

NearestRows::NearestRows(const float* rows, size_t n, size_t d, Metric metric)
        : rows_(rows), size_(n), d_(d), metric_(metric), all_(rows, n, d, metric) {
    if (d < kLeastDimension || n < kLeastRows) return;
    sketch_.emplace(rows, n, d, metric);
    if (!sketch_pays()) sketch_.reset();
}

bool NearestRows::sketch_pays() const {
    std::vector<float> x(kTried * d_);
    for (size_t i = 0; i < kTried; ++i)
        std::copy_n(rows_ + i * size_ / kTried * d_, d_, x.data() + i * d_);
    std::vector<float> distances(kTried * kNeighbours);
    std::vector<int64_t> nearest(kTried * kNeighbours);
    RowSketch::Scratch scratch;
    const RowSketch::Work work = sketch_->find_nearest(
            rows_, kTried, x.data(), kNeighbours, size_ / kAlone, distances.data(), nearest.data(),
            scratch);
    return work.vectors == kTried;
}

void NearestRows::find(
        size_t n, const float* x, size_t k, float* distances, int64_t* nearest,
        Scratch& scratch) const {
    size_t done = 0;
    if (sketch_ && k * kAlone <= size_)
        done = sketch_->find_nearest(
                              rows_, n, x, k, size_ / kAlone, distances, nearest, scratch.sketch)
                       .vectors;
    if (done < n)
        compare_with_all(
                n - done, x + done * d_, k, distances + done * k, nearest + done * k, scratch);
}

void NearestRows::compare_with_all(
        size_t n, const float* x, size_t k, float* distances, int64_t* nearest,
        Scratch& scratch) const {
    scratch.keys.resize(n * size_);
    all_.compute_keys(n, x, scratch.keys.data());
    for (size_t i = 0; i < n; ++i) {
        const auto found = scratch.smallest.find(scratch.keys.data() + i * size_, size_, k);
        for (size_t rank = 0; rank < k; ++rank) {
            // Distances that are not numbers, of vectors far out of the range of a float's square,
            // are missing.
            const bool is_there = rank < found.size();
            const float key = is_there ? kernels::key_of(found[rank])
                                       : std::numeric_limits<float>::infinity();
            distances[i * k + rank] = metric_ == Metric::l2 ? std::max(key, 0.0f) : -key;
            nearest[i * k + rank] =
                    is_there ? static_cast<int64_t>(kernels::place_of(found[rank])) : -1;
        }
    }
}

} // namespace bqq
