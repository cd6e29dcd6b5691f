#pragma once

#include "kernels/aligned.h"

#include <cstddef>

namespace bqq::kernels {

/// Rows b_j of length d, laid out for products with many a_i.
class PackedRows {
public:
    /// Rows that stand side by side: entry j of all of them, then entry j + 1.
    static constexpr size_t kPanel = 32;

    PackedRows() = default;
    /// @param b  size x d, rows ldb apart
    PackedRows(const float* b, size_t ldb, size_t size, size_t d);

    size_t size() const { return size_; }
    size_t d() const { return d_; }
    size_t memory_bytes() const { return values_.capacity() * sizeof(float); }
    size_t panels() const { return (size_ + kPanel - 1) / kPanel; }
    /// d x kPanel
    const float* panel(size_t p) const { return values_.data() + p * d_ * kPanel; }

private:
    size_t size_ = 0;
    size_t d_ = 0;
    AlignedVector<float> values_;
};

/** c[i * ldc + j] = <a_i, b_j> for rows a_i (na x d, lda apart).
 *
 * Why this and not a BLAS: c[i][j] must not depend on how many rows come in one call or on the
 * number of threads, because the codes are a function of it. Here every element is summed in the
 * same order.
 */
void dot_rows(const float* a, size_t lda, size_t na, const PackedRows& b, float* c, size_t ldc);

/// The same floats for rows b_j (nb x d, ldb apart) that are not packed.
void dot_rows(
        const float* a, size_t lda, size_t na, const float* b, size_t ldb, size_t nb, size_t d,
        float* c, size_t ldc);

/// The same on all OpenMP threads, for rows b_j (nb x d, ldb apart) that are used once.
void dot_rows_parallel(
        const float* a, size_t lda, size_t na, const float* b, size_t ldb, size_t nb, size_t d,
        float* c, size_t ldc);

} // namespace bqq::kernels
