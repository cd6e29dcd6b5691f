#pragma once

#include "base/parallel_for.h"
#include "kernels/products.h"

#include <cstddef>

namespace bqq {

/** Rows of a product that a thread takes at once: all, or a multiple of the 32 in a word of bits.
 *
 * Small products stay on one thread: where other programs kept the threads from running, matrices
 * of 128 x 128 took a hundred times as long. From 2^26 multiplications on, a product takes some
 * milliseconds.
 *
 * @param multiplications  of all rows
 */
inline size_t rows_of_thread(size_t rows, size_t multiplications) {
    constexpr size_t kLeast = size_t{1} << 26;
    constexpr size_t kRows = 64;
    return multiplications < kLeast ? rows : kRows;
}

/// kernels::multiply(), on the OpenMP threads where the product is large. The result is the same.
inline void multiply(
        const float* A, size_t lda, size_t m, const float* B, size_t ldb, size_t k, size_t n,
        float* C, size_t ldc) {
    parallel_ranges_with(
            m, rows_of_thread(m, m * k * n), [] { return 0; },
            [&](int, size_t first, size_t last) {
                kernels::multiply(
                        A + first * lda, lda, last - first, B, ldb, k, n, C + first * ldc, ldc);
            });
}

} // namespace bqq
