#include "nearest/row_sketch.h"

#include "kernels/row_distances.h"
#include "kernels/sums_in_double.h"
#include "nearest/principal_directions.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace bqq {

namespace {

constexpr uint64_t kSeed = 1234;
// Rounding may change a bound by this part of the norms that enter it.
constexpr double kTolerance = 1e-5;
// Squares of distances up to here are far from the range of a float.
constexpr double kLargestSquare = 1e34;
// Distances that are computed before the threshold is asked again.
constexpr size_t kStep = 8;
// The offset of a vector that has no bounds.
constexpr double kNone = -std::numeric_limits<double>::infinity();
// Vectors that may take all of their distances before a search is given up.
constexpr size_t kPatience = 4;

double norm(const float* x, size_t d) {
    return std::sqrt(kernels::squared_norm(x, d));
}

/// |x - Px| from |x|^2 and Px.
double outside(double squared_norm, const float* projection) {
    return std::sqrt(std::max(
            squared_norm - kernels::squared_norm(projection, RowSketch::kDirections), 0.0));
}

} // namespace

RowSketch::RowSketch(const float* rows, size_t n, size_t d, Metric metric)
        : size_(n), d_(d), l2_(metric == Metric::l2), mean_(d) {
    std::vector<double> sum(d);
    for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j < d; ++j) sum[j] += static_cast<double>(rows[i * d + j]);
    for (size_t j = 0; j < d; ++j) mean_[j] = static_cast<float>(sum[j] / static_cast<double>(n));
    mean_norm_ = static_cast<float>(norm(mean_.data(), d));
    std::vector<float> centred(n * d);
    for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j < d; ++j) centred[i * d + j] = rows[i * d + j] - mean_[j];

    const std::vector<float> directions =
            principal_directions(centred.data(), d, n, d, kDirections, kSeed);
    directions_ = {directions.data(), d, kDirections, d};
    const size_t width = sketch_size();
    std::vector<float> sketches(n * width);
    kernels::dot_rows(centred.data(), d, n, directions_, sketches.data(), width);
    for (size_t i = 0; i < n; ++i) {
        float* sketch = sketches.data() + i * width;
        const double squared = kernels::squared_norm(centred.data() + i * d, d);
        sketch[kDirections] = static_cast<float>(outside(squared, sketch));
        sketch[kDirections + 1] = l2_ ? static_cast<float>(squared) : 0;
        largest_norm_ = std::max(largest_norm_, static_cast<float>(std::sqrt(squared)));
    }
    sketches_ = {sketches.data(), width, n, width};
}

void RowSketch::compute_bounds(size_t n, const float* x, Scratch& scratch, double* offsets) const {
    scratch.queries.resize(n * d_);
    const size_t width = sketch_size();
    scratch.projections.resize(n * width);
    scratch.bounds.resize(n * size_);
    float* y = scratch.queries.data();
    for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j < d_; ++j) y[i * d_ + j] = x[i * d_ + j] - (l2_ ? mean_[j] : 0);
    kernels::dot_rows(y, d_, n, directions_, scratch.projections.data(), width);
    const float factor = l2_ ? 2 : 1;
    for (size_t i = 0; i < n; ++i) {
        float* projection = scratch.projections.data() + i * width;
        const double squared = kernels::squared_norm(y + i * d_, d_);
        const double length = std::sqrt(squared);
        const double largest = static_cast<double>(largest_norm_) + (l2_ ? 0 : mean_norm_);
        projection[kDirections] = static_cast<float>(outside(squared, projection));
        for (size_t j = 0; j <= kDirections; ++j) projection[j] *= -factor;
        projection[kDirections + 1] = 1;
        const double square = (length + largest) * (length + largest);
        if (!(square < kLargestSquare)) {
            offsets[i] = kNone;
        } else if (l2_) {
            offsets[i] = squared - kTolerance * square;
        } else {
            double product = 0;
            for (size_t j = 0; j < d_; ++j)
                product += static_cast<double>(x[i * d_ + j]) * static_cast<double>(mean_[j]);
            offsets[i] = -product - kTolerance * length * largest;
        }
    }
    kernels::dot_rows(
            scratch.projections.data(), width, n, sketches_, scratch.bounds.data(), size_);
}

size_t RowSketch::find_nearest_by_bounds(
        const float* rows, const float* x, size_t k, const float* bounds, double offset,
        Nearest& nearest, Scratch& scratch) const {
    size_t done = 0;
    // Those with the smallest bounds, and more of them until the next bound is beyond the k-th
    // distance.
    for (size_t wanted = std::min(size_, k + k / 2 + kStep);;
         wanted = std::min(size_, 3 * wanted)) {
        const std::span<const uint64_t> found = scratch.smallest.find(bounds, size_, wanted);
        while (done < found.size()) {
            const float threshold = nearest.threshold();
            const size_t end = std::min(found.size(), done + std::max(kStep, k - nearest.size()));
            scratch.chosen.clear();
            for (; done < end; ++done) {
                const double bound = kernels::key_of(found[done]);
                if (bound + offset > static_cast<double>(threshold)) break;
                scratch.chosen.push_back(static_cast<uint32_t>(kernels::place_of(found[done])));
            }
            const size_t count = scratch.chosen.size();
            scratch.distances.resize(count);
            (l2_ ? kernels::squared_distances : kernels::inner_products)(
                    x, rows, d_, scratch.chosen.data(), count, scratch.distances.data());
            for (size_t i = 0; i < count; ++i) {
                const float key = l2_ ? scratch.distances[i] : -scratch.distances[i];
                if (!std::isnan(key)) nearest.add(scratch.chosen[i], key);
            }
            if (done < end) return done;
        }
        if (wanted == size_ || found.size() < wanted) return done;
    }
}

RowSketch::Work RowSketch::find_nearest(
        const float* rows, size_t n, const float* x, size_t k, size_t most, float* distances,
        int64_t* nearest, Scratch& scratch) const {
    std::vector<double> offsets(n);
    compute_bounds(n, x, scratch, offsets.data());
    Work work;
    for (; work.vectors < n && work.distances <= work.vectors * most + kPatience * size_;
         ++work.vectors) {
        const size_t i = work.vectors;
        if (offsets[i] == kNone) break;
        Nearest best(k, k);
        work.distances += find_nearest_by_bounds(
                rows, x + i * d_, k, scratch.bounds.data() + i * size_, offsets[i], best, scratch);
        best.write(l2_, distances + i * k, nearest + i * k);
    }
    return work;
}

} // namespace bqq
