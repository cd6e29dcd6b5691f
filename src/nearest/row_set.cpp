#include "nearest/row_set.h"

#include "base/parallel_for.h"
#include "kernels/dot_rows.h"
#include "kernels/sums_in_double.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

namespace bqq {

namespace {

void subtract(const float* x, const float* origin, size_t n, size_t d, float* differences) {
    for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j < d; ++j) differences[i * d + j] = x[i * d + j] - origin[j];
}

} // namespace

RowSet::RowSet(const float* rows, size_t n, size_t d, Metric metric)
        : rows_(rows), size_(n), d_(d), l2_(metric == Metric::l2) {
    if (l2_) norms_.resize(n);
    for (size_t i = 0; i < n; ++i) {
        const double squared = l2_ ? kernels::squared_distance(rows + i * d, rows, d)
                                   : kernels::squared_norm(rows + i * d, d);
        if (l2_) norms_[i] = static_cast<float>(squared);
        largest_norm_ = std::max(largest_norm_, std::sqrt(squared));
    }
}

double RowSet::largest_error(const float* x) const {
    // Measured on sums of 8 to 8,192 terms, also of one sign: at most a sixth of it.
    const double part = 1e-5 * std::max(1.0, static_cast<double>(d_) / 512);
    const double norm =
            std::sqrt(l2_ ? kernels::squared_distance(x, rows_, d_) : kernels::squared_norm(x, d_));
    return part * (l2_ ? (norm + largest_norm_) * (norm + largest_norm_) : norm * largest_norm_);
}

void RowSet::compute_keys(size_t n, const float* x, float* keys) const {
    if (!l2_) {
        kernels::dot_rows(x, d_, n, rows_, d_, size_, d_, keys, size_);
        for (size_t i = 0; i < n * size_; ++i) keys[i] = -keys[i];
        return;
    }
    // Products of vectors far from the origin would lose their last bits: all are taken from the
    // first row.
    constexpr size_t kRows = 64; // of which differences are held at a time
    const auto x_from_first = std::make_unique_for_overwrite<float[]>(n * d_);
    const auto rows_from_first = std::make_unique_for_overwrite<float[]>(kRows * d_);
    subtract(x, rows_, n, d_, x_from_first.get());
    for (size_t r = 0; r < size_; r += kRows) {
        const size_t count = std::min(kRows, size_ - r);
        subtract(rows_ + r * d_, rows_, count, d_, rows_from_first.get());
        kernels::dot_rows(
                x_from_first.get(), d_, n, rows_from_first.get(), d_, count, d_, keys + r, size_);
    }
    for (size_t i = 0; i < n; ++i) {
        const auto x2 = static_cast<float>(kernels::squared_norm(x_from_first.get() + i * d_, d_));
        float* row = keys + i * size_;
        for (size_t r = 0; r < size_; ++r) row[r] = x2 + (norms_[r] - 2 * row[r]);
    }
}

void RowSet::find_nearest(size_t n, const float* x, uint32_t* nearest, size_t count) const {
    constexpr size_t kTogether = 48;
    parallel_ranges_with(
            n, kTogether, [&] { return std::vector<float>(kTogether * size_); },
            [&](std::vector<float>& keys, size_t first, size_t last) {
                compute_keys(last - first, x + first * d_, keys.data());
                for (size_t i = first; i < last; ++i) {
                    float* key = keys.data() + (i - first) * size_;
                    for (size_t rank = 0; rank < count; ++rank) {
                        const float* best = std::min_element(key, key + size_);
                        nearest[i * count + rank] = static_cast<uint32_t>(best - key);
                        key[best - key] = std::numeric_limits<float>::infinity();
                    }
                }
            });
}

} // namespace bqq
