#include "nearest/nearest_rows.h"

#include "kernels/row_distances.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace bqq {

namespace {

// Sketches of fewer dimensions or rows would save nothing.
constexpr size_t kLeastDimension = 2 * RowSketch::kDirections;
constexpr size_t kLeastRows = 2 * RowSketch::kDirections;
// A distance that is computed alone takes as long as this many in a product with all rows.
constexpr size_t kAlone = 24;
// A sketch is tried with this many of the rows themselves, and this many neighbours of each.
constexpr size_t kTried = 48;
constexpr size_t kNeighbours = 16;

/// The k nearest of chosen rows. Distances that are not numbers, of vectors far out of the range of
/// a float's square, are missing.
void find_nearest_of(
        const float* rows, std::span<const uint32_t> chosen, size_t d, Metric metric,
        const float* x, size_t k, std::vector<float>& keys, float* distances, int64_t* nearest) {
    const bool l2 = metric == Metric::l2;
    keys.resize(chosen.size());
    (l2 ? kernels::squared_distances : kernels::inner_products)(
            x, rows, d, chosen.data(), chosen.size(), keys.data());
    Nearest best(k, k);
    for (size_t i = 0; i < chosen.size(); ++i)
        if (!std::isnan(keys[i])) best.add(chosen[i], l2 ? keys[i] : -keys[i]);
    best.write(l2, distances, nearest);
}

std::vector<uint32_t> all_rows(size_t n) {
    std::vector<uint32_t> rows(n);
    std::iota(rows.begin(), rows.end(), uint32_t{0});
    return rows;
}

} // namespace

void find_nearest_rows(
        const float* rows, size_t size, size_t d, Metric metric, size_t n, const float* x, size_t k,
        float* distances, int64_t* nearest) {
    const std::vector<uint32_t> all = all_rows(size);
    std::vector<float> keys;
    for (size_t i = 0; i < n; ++i)
        find_nearest_of(
                rows, all, d, metric, x + i * d, k, keys, distances + i * k, nearest + i * k);
}

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
        const float* vector = x + i * d_;
        const double error = all_.largest_error(vector);
        const auto found = scratch.smallest.find(
                scratch.keys.data() + i * size_, size_, k, static_cast<float>(2 * error));
        if (!(error < RowSet::kLargestError) || found.size() < k) {
            find_nearest_rows(
                    rows_, size_, d_, metric_, 1, vector, k, distances + i * k, nearest + i * k);
            continue;
        }
        scratch.chosen.clear();
        const double limit = kernels::key_of(found[k - 1]) + 2 * error;
        for (const uint64_t word : found)
            if (kernels::key_of(word) <= limit)
                scratch.chosen.push_back(static_cast<uint32_t>(kernels::place_of(word)));
        find_nearest_of(
                rows_, scratch.chosen, d_, metric_, vector, k, scratch.distances, distances + i * k,
                nearest + i * k);
    }
}

} // namespace bqq
