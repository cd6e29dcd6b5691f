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
    /// @param rows  size n * d
    RowSet(const float* rows, size_t n, size_t d);

    size_t size() const { return packed_.size(); }

    /// The rows nearest to each of n vectors, nearest first.
    /// @param count    how many, at most size()
    /// @param nearest  output, size n * count
    void find_nearest(size_t n, const float* x, uint32_t* nearest, size_t count = 1) const;

private:
    kernels::PackedRows packed_;
    std::vector<float> norms_; ///< squared
};

} // namespace bqq
