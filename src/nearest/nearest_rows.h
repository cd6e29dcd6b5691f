#pragma once

#include <bqq/metric.h>

#include "nearest/nearest.h"
#include "nearest/row_set.h"
#include "nearest/row_sketch.h"
#include "nearest/smallest_keys.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace bqq {

/** Finds the rows of a matrix that are nearest to vectors, exactly: by bounds from a sketch of the
 * rows where these leave few distances to be computed, and else by comparison with all. Distances
 * are those of kernels::squared_distances() and inner_products() in any case, and equal ones are in
 * the order of the rows: results do not depend on how vectors are grouped. Searches may run at the
 * same time.
 */
class NearestRows {
public:
    /// @param rows  size n * d, to be kept by the caller
    NearestRows(const float* rows, size_t n, size_t d, Metric metric);

    /// Beyond the rows.
    size_t memory_bytes() const {
        return sizeof *this + size_ * sizeof(float) + (sketch_ ? sketch_->memory_bytes() : 0);
    }

    /// Room that a search needs, to be used again.
    struct Scratch {
        RowSketch::Scratch sketch;
        SmallestKeys smallest;
        std::vector<float> keys, distances;
        std::vector<uint32_t> chosen;
    };

    /** The k rows nearest to each of n vectors, on the calling thread; some dozens of vectors are
     * best.
     * @param distances  output, size n * k: squared L2 or inner products, best first
     * @param nearest    output, size n * k; -1 where distances are not numbers
     */
    void find(
            size_t n, const float* x, size_t k, float* distances, int64_t* nearest,
            Scratch& scratch) const;

private:
    const float* rows_;
    size_t size_;
    size_t d_;
    Metric metric_;
    std::optional<RowSketch> sketch_; ///< where it pays
    RowSet all_;

    bool sketch_pays() const;
    void compare_with_all(
            size_t n, const float* x, size_t k, float* distances, int64_t* nearest,
            Scratch& scratch) const;
};

/// What NearestRows(rows, size, d, metric).find() finds, for few vectors, with nothing made of the
/// rows.
void find_nearest_rows(
        const float* rows, size_t size, size_t d, Metric metric, size_t n, const float* x, size_t k,
        float* distances, int64_t* nearest);

} // namespace bqq
