#pragma once

#include <cstddef>

namespace bqq::kernels {

/** c[i * ldc + j] = <a_i, b_j> for rows a_i (na x d, stride lda) and b_j (nb x d, stride ldb).
 *
 * Why this and not a BLAS: c[i][j] must not depend on how many rows come in one call or on the number
 * of threads, because the codes are a function of it. Here every element is summed in the same order.
 */
void dot_rows(
        const float* a, size_t lda, size_t na, const float* b, size_t ldb, size_t nb, size_t d,
        float* c, size_t ldc);

/// dot_rows on all OpenMP threads.
void dot_rows_parallel(
        const float* a, size_t lda, size_t na, const float* b, size_t ldb, size_t nb, size_t d,
        float* c, size_t ldc);

} // namespace bqq::kernels
