#pragma once

#include <cstddef>
#include <vector>

namespace bqq {

/// The transpose (m x n) of rows (n x m, stride lda).
std::vector<float> transposed(const float* rows, size_t lda, size_t n, size_t m);

} // namespace bqq
