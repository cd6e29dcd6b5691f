#pragma once

#include <cstddef>

namespace bqq::kernels {

/// sum[j] += weights[0] rows[0][j] + weights[1] rows[1][j] + ..., in that order.
/// @param rows  size n * d
/// @param sum   size d
void add_weighted_rows(const float* weights, const float* rows, size_t n, size_t d, float* sum);

} // namespace bqq::kernels
