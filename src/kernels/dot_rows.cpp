#include "kernels/dot_rows.h"

#include <algorithm>
#include <cstdint>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/dot_rows.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace bqq::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Rows of a and b held against each other in registers: 16 sums need the 32 registers of AVX-512.
constexpr size_t kRowsA = 4;
constexpr size_t kRowsB = HWY_TARGET <= HWY_AVX3 ? 4 : 2;

/// n < Lanes(df) floats, then zeros. Before AVX2, MaskedLoad reads all lanes from an aligned address.
template <class D>
HWY_INLINE hn::Vec<D> load_tail(D df, const float* from, size_t n) {
#if HWY_TARGET <= HWY_AVX2
    return hn::MaskedLoad(hn::FirstN(df, n), df, from);
#else
    HWY_ALIGN float lanes[hn::MaxLanes(D())] = {};
    std::copy_n(from, n, lanes);
    return hn::Load(df, lanes);
#endif
}

template <size_t RA, size_t RB, class D>
HWY_INLINE void dot_tile(
        D df, const float* a, size_t lda, const float* b, size_t ldb, size_t d, bool first,
        float* c, size_t ldc) {
    const size_t lanes = hn::Lanes(df);
    using V = hn::Vec<D>;
    V sum[RA][RB];
    for (auto& row : sum)
        for (V& v : row) v = hn::Zero(df);
    size_t k = 0;
    for (; k + lanes <= d; k += lanes) {
        V vb[RB];
        for (size_t j = 0; j < RB; ++j) vb[j] = hn::LoadU(df, b + j * ldb + k);
        for (size_t i = 0; i < RA; ++i) {
            const V va = hn::LoadU(df, a + i * lda + k);
            for (size_t j = 0; j < RB; ++j) sum[i][j] = hn::MulAdd(va, vb[j], sum[i][j]);
        }
    }
    if (k < d) {
        V vb[RB];
        for (size_t j = 0; j < RB; ++j) vb[j] = load_tail(df, b + j * ldb + k, d - k);
        for (size_t i = 0; i < RA; ++i) {
            const V va = load_tail(df, a + i * lda + k, d - k);
            for (size_t j = 0; j < RB; ++j) sum[i][j] = hn::MulAdd(va, vb[j], sum[i][j]);
        }
    }
    for (size_t i = 0; i < RA; ++i)
        for (size_t j = 0; j < RB; ++j) {
            const float dot = hn::GetLane(hn::SumOfLanes(df, sum[i][j]));
            c[i * ldc + j] = first ? dot : c[i * ldc + j] + dot;
        }
}

template <size_t RA, class D>
HWY_INLINE void dot_strip(
        D df, const float* a, size_t lda, const float* b, size_t ldb, size_t nb, size_t d,
        bool first, float* c, size_t ldc) {
    size_t j = 0;
    for (; j + kRowsB <= nb; j += kRowsB)
        dot_tile<RA, kRowsB>(df, a, lda, b + j * ldb, ldb, d, first, c + j, ldc);
    for (; j < nb; ++j) dot_tile<RA, 1>(df, a, lda, b + j * ldb, ldb, d, first, c + j, ldc);
}

void dot_rows(
        const float* a, size_t lda, size_t na, const float* b, size_t ldb, size_t nb, size_t d,
        float* c, size_t ldc) {
    const hn::ScalableTag<float> df;
    // 64 rows of b of 1024 floats stay in the second-level cache while all rows of a pass by.
    constexpr size_t kDepth = 1024, kPanel = 64;
    for (size_t k = 0; k < d || k == 0; k += kDepth) {
        const size_t depth = std::min(kDepth, d - k);
        for (size_t j = 0; j < nb; j += kPanel) {
            const size_t panel = std::min(kPanel, nb - j);
            const float* bk = b + j * ldb + k;
            size_t i = 0;
            for (; i + kRowsA <= na; i += kRowsA)
                dot_strip<kRowsA>(
                        df, a + i * lda + k, lda, bk, ldb, panel, depth, k == 0, c + i * ldc + j,
                        ldc);
            for (; i < na; ++i)
                dot_strip<1>(
                        df, a + i * lda + k, lda, bk, ldb, panel, depth, k == 0, c + i * ldc + j,
                        ldc);
        }
    }
}

} // namespace bqq::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bqq::kernels {

HWY_EXPORT(dot_rows);

void dot_rows(
        const float* a, size_t lda, size_t na, const float* b, size_t ldb, size_t nb, size_t d,
        float* c, size_t ldc) {
    HWY_DYNAMIC_DISPATCH(dot_rows)(a, lda, na, b, ldb, nb, d, c, ldc);
}

void dot_rows_parallel(
        const float* a, size_t lda, size_t na, const float* b, size_t ldb, size_t nb, size_t d,
        float* c, size_t ldc) {
    constexpr size_t kRows = 64;
    const int64_t blocks = static_cast<int64_t>((na + kRows - 1) / kRows);
#pragma omp parallel for schedule(dynamic)
    for (int64_t block = 0; block < blocks; ++block) {
        const size_t i = static_cast<size_t>(block) * kRows;
        dot_rows(a + i * lda, lda, std::min(kRows, na - i), b, ldb, nb, d, c + i * ldc, ldc);
    }
}

} // namespace bqq::kernels
#endif
