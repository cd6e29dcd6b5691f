#pragma once

#include <cstddef>
#include <cstdint>

namespace bqq::kernels {

/** C = A B for A (m x k, rows lda apart), B (k x n, rows ldb apart), C (m x n, rows ldc apart).
 * n and ldb are multiples of kPad; B starts on a cache line.
 *
 * For the small matrices of a block, where a BLAS spends its time on packing and threads: on one
 * thread of AVX-512, m = n = k = 128, OpenBLAS 0.3.21 takes 1.4 times as long.
 */
void multiply(
        const float* A, size_t lda, size_t m, const float* B, size_t ldb, size_t k, size_t n,
        float* C, size_t ldc);

/// K sign vectors of length n, as bits, and the affine map that makes atoms of them.
struct SignAtoms {
    size_t n;
    size_t K;
    size_t stride;         ///< K rounded up to kPad
    const uint32_t* words; ///< 1 for +1: word w of vector k at w * stride + k; bits beyond n are 0
    const float* sums;     ///< stride: sum of the signs of each vector
    const float* scale;    ///< stride, zero in the padding
    const float* offset;   ///< stride, zero in the padding
};

/// gram[i * stride + j] = <scale_i s_i + offset_i 1, scale_j s_j + offset_j 1>, by popcounts.
void atom_gram(const SignAtoms& atoms, float* gram);

/// to (cols x rows, rows ldt apart) = the transpose of from (rows x cols, rows ldf apart).
void transpose(const float* from, size_t ldf, size_t rows, size_t cols, float* to, size_t ldt);

} // namespace bqq::kernels
