#pragma once

#include <bqq/metric.h>

#include "kernels/dot_rows.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace bqq {

/// Rows that all are compared with, a block of vectors at a time.
class RowSet {
public:
    RowSet() = default;
    /// @param rows  size n * d, n at least 1
    RowSet(const float* rows, size_t n, size_t d, Metric metric = Metric::l2);

    /// Squared distances of n vectors to all rows, which rounding may make negative, or inner products with their sign
    /// changed: the smaller, the nearer. On the calling thread.
    /// @param keys  output, size n * rows
    void compute_keys(size_t n, const float* x, float* keys) const;

    /// The rows nearest to each of n vectors, nearest first.
    /// @param count    how many, at most the rows
    /// @param nearest  output, size n * count
    void find_nearest(size_t n, const float* x, uint32_t* nearest, size_t count = 1) const;

private:
    /// L2: the first row. Products of what lies far out would lose their last bits.
    std::vector<float> origin_;
    std::vector<float> norms_;   ///< L2: squared, from there
    kernels::PackedRows packed_; ///< the rows times -1; L2: from there, times -2
};

} // namespace bqq
