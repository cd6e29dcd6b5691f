#pragma once

#include "kernels/dot_rows.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace bqq {

/// Rows among which the nearest one is sought.
class RowSet {
public:
    RowSet() = default;
    /// @param rows  size n * d, n at least 1
    RowSet(const float* rows, size_t n, size_t d);

    size_t size() const { return packed_.size(); }

    /// Squared distances of n vectors to all rows, which rounding may make negative; on the calling thread.
    /// @param distances  output, size n * size()
    void squared_distances(size_t n, const float* x, float* distances) const;

    /// The rows nearest to each of n vectors, nearest first.
    /// @param count    how many, at most size()
    /// @param nearest  output, size n * count
    void find_nearest(size_t n, const float* x, uint32_t* nearest, size_t count = 1) const;

private:
    std::vector<float>
            origin_; ///< the first row: products of what lies far out would lose their last bits
    kernels::PackedRows packed_; ///< from there
    std::vector<float> norms_;   ///< squared, from there
};

} // namespace bqq
