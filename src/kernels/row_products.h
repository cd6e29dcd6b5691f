#pragma once

#include <cstddef>

namespace bqq::kernels {

/** c[i * ldc + j] = <a_i, b_j> for rows a_i (na x d, lda apart) and b_j (nb x d, ldb apart).
 *
 * For rows b_j that are used once: dot_rows() is quicker with rows that are packed beforehand.
 *
 * A product is summed in 16 partial sums, entry e in sum e % 16. These are then folded by halves:
 * s[i] += s[i + 8], then i + 4, i + 2 and i + 1. So a product depends neither on na and nb nor on
 * the width of the vectors, only on whether the instruction set has a fused multiply-add.
 *
 * @param a  may start anywhere; nothing beyond entry d of a row is read
 * @param b  may start anywhere; each row is followed by zeros up to a multiple of 16 entries
 */
void row_products(
        const float* a, size_t lda, size_t na, const float* b, size_t ldb, size_t nb, size_t d,
        float* c, size_t ldc);

} // namespace bqq::kernels
