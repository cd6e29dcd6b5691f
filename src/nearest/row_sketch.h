#pragma once

#include <bqq/metric.h>

#include "kernels/dot_rows.h"
#include "nearest/nearest.h"
#include "nearest/smallest_keys.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace bqq {

/** What the rows of a matrix are in the few directions in which they differ most, and how far out
 * of these they are: enough to bound their distances from below, so that those of few rows must be
 * computed.
 *
 * With P the projection onto these directions and y, z the query and a row from the rows' mean,
 * <y, z> <= <Py, Pz> + |y - Py| |z - Pz|.
 */
class RowSketch {
public:
    /// Directions that are kept.
    static constexpr size_t kDirections = 96;

    /// @param rows  size n * d, d above kDirections
    RowSketch(const float* rows, size_t n, size_t d, Metric metric);

    /// Room that a search needs, to be used again.
    struct Scratch {
        std::vector<float> queries, projections, bounds, distances;
        std::vector<uint32_t> chosen;
        SmallestKeys smallest;
    };

    /// What a search has done.
    struct Work {
        size_t vectors = 0; ///< whose nearest rows were found: all, or those before it was given up
        size_t distances = 0; ///< computed in full
    };

    /** The k rows nearest to each of n vectors, on the calling thread. Given up where bounds say
     * too little: when more than `most` distances a vector were computed, and a few times that; and
     * at a vector so far out that its bounds might leave the range of a float.
     * @param rows       those that the sketch was made of
     * @param distances  output, size n * k: squared L2 or inner products, best first; equal ones by
     * their number
     * @param nearest    output, size n * k; -1 where distances are not numbers
     */
    Work find_nearest(
            const float* rows, size_t n, const float* x, size_t k, size_t most, float* distances,
            int64_t* nearest, Scratch& scratch) const;

    size_t memory_bytes() const {
        return mean_.capacity() * sizeof(float) + directions_.memory_bytes() +
               sketches_.memory_bytes();
    }

private:
    size_t size_;
    size_t d_;
    bool l2_;
    std::vector<float> mean_;
    float mean_norm_;
    float largest_norm_ = 0; ///< of the rows from their mean
    kernels::PackedRows directions_;
    /// Rows z: Pz, |z - Pz|, and |z|^2 for L2. Their products with {-f Py, -f |y - Py|, 1}, f = 2
    /// for L2 and else 1, bound the distances, but for what the query alone adds.
    kernels::PackedRows sketches_;

    size_t sketch_size() const { return kDirections + 2; }
    /// Bounds of one vector after another, size n * size_, and what is to be added to each
    /// vector's, in offsets.
    void compute_bounds(size_t n, const float* x, Scratch& scratch, double* offsets) const;
    size_t find_nearest_by_bounds(
            const float* rows, const float* x, size_t k, const float* bounds, double offset,
            Nearest& nearest, Scratch& scratch) const;
};

} // namespace bqq
