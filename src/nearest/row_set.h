#pragma once

#include <bqq/metric.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace bqq {

/// Rows that vectors are compared with, some dozens of vectors at a time. The rows stay the
/// caller's.
class RowSet {
public:
    RowSet() = default;
    /// @param rows  size n * d, n at least 1; kept by the caller for as long as this is used
    RowSet(const float* rows, size_t n, size_t d, Metric metric = Metric::l2);

    /** Squared distances of n vectors to all rows, which rounding may make negative, or inner
     * products with their sign changed: the smaller, the nearer. On the calling thread.
     * @param keys  output, size n * rows
     */
    void compute_keys(size_t n, const float* x, float* keys) const;
    /// The largest error of x's keys that is to be expected of rounding; from kLargestError on, or
    /// if it is not a number, keys may have left the range of a float.
    double largest_error(const float* x) const;
    static constexpr double kLargestError = 1e30;

    /// The rows nearest to each of n vectors, nearest first.
    /// @param count    how many, at most the rows
    /// @param nearest  output, size n * count
    void find_nearest(size_t n, const float* x, uint32_t* nearest, size_t count = 1) const;

private:
    const float* rows_ = nullptr;
    size_t size_ = 0;
    size_t d_ = 0;
    bool l2_ = true;
    std::vector<float> norms_; ///< L2: squared distances of the rows from the first one
    double largest_norm_ = 0;  ///< of a row, L2: from the first one
};

} // namespace bqq
