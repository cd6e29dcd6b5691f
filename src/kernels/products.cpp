#include "kernels/products.h"

#include "kernels/aligned.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/products.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace bqq::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Tag = hn::CappedTag<float, kPad>;

// Sums held in registers: 24 of the 32 of AVX-512, 12 of 16 elsewhere.
constexpr size_t kRows = HWY_TARGET <= HWY_AVX3 ? 12 : 6;
constexpr size_t kVectors = 2;

template <size_t R, size_t C>
HWY_INLINE void multiply_tile(
        const float* A, size_t lda, const float* B, size_t ldb, size_t k, float* out, size_t ldc) {
    const Tag df;
    const size_t lanes = hn::Lanes(df);
    using V = hn::Vec<Tag>;
    V sum[R][C];
    for (auto& row : sum)
        for (V& v : row) v = hn::Zero(df);
    for (size_t i = 0; i < k; ++i) {
        V b[C];
        for (size_t c = 0; c < C; ++c) b[c] = hn::Load(df, B + i * ldb + c * lanes);
        for (size_t r = 0; r < R; ++r) {
            const V a = hn::Set(df, A[r * lda + i]);
            for (size_t c = 0; c < C; ++c) sum[r][c] = hn::MulAdd(a, b[c], sum[r][c]);
        }
    }
    for (size_t r = 0; r < R; ++r)
        for (size_t c = 0; c < C; ++c) hn::StoreU(sum[r][c], df, out + r * ldc + c * lanes);
}

template <size_t C>
HWY_INLINE void multiply_panel(
        const float* A, size_t lda, size_t m, const float* B, size_t ldb, size_t k, float* out,
        size_t ldc) {
    size_t i = 0;
    for (; i + kRows <= m; i += kRows)
        multiply_tile<kRows, C>(A + i * lda, lda, B, ldb, k, out + i * ldc, ldc);
    for (; i + 4 <= m; i += 4) multiply_tile<4, C>(A + i * lda, lda, B, ldb, k, out + i * ldc, ldc);
    for (; i < m; ++i) multiply_tile<1, C>(A + i * lda, lda, B, ldb, k, out + i * ldc, ldc);
}

void multiply(
        const float* A, size_t lda, size_t m, const float* B, size_t ldb, size_t k, size_t n,
        float* C, size_t ldc) {
    const size_t lanes = hn::Lanes(Tag());
    size_t j = 0;
    for (; j + kVectors * lanes <= n; j += kVectors * lanes)
        multiply_panel<kVectors>(A, lda, m, B + j, ldb, k, C + j, ldc);
    for (; j < n; j += lanes) multiply_panel<1>(A, lda, m, B + j, ldb, k, C + j, ldc);
}

void atom_gram(const SignAtoms& atoms, float* gram) {
    const Tag df;
    const hn::RebindToUnsigned<Tag> du;
    const hn::RebindToSigned<Tag> di;
    const size_t nwords = (atoms.n + 31) / 32;
    const auto length = hn::Set(df, static_cast<float>(atoms.n));
    const auto two = hn::Set(df, 2.0f);
    for (size_t i = 0; i < atoms.K; ++i) {
        const auto sum_i = hn::Set(df, atoms.sums[i]);
        const auto scale_i = hn::Set(df, atoms.scale[i]);
        const auto offset_i = hn::Set(df, atoms.offset[i]);
        for (size_t j = 0; j < atoms.stride; j += hn::Lanes(df)) {
            auto differing = hn::Zero(du);
            for (size_t w = 0; w < nwords; ++w) {
                const uint32_t* word = atoms.words + w * atoms.stride;
                const auto both = hn::Xor(hn::Set(du, word[i]), hn::LoadU(du, word + j));
                differing = hn::Add(differing, hn::PopulationCount(both));
            }
            const auto count = hn::ConvertTo(df, hn::BitCast(di, differing));
            const auto dot = hn::NegMulAdd(two, count, length);
            const auto scale = hn::LoadU(df, atoms.scale + j);
            const auto offset = hn::LoadU(df, atoms.offset + j);
            const auto with_signs = hn::MulAdd(scale, dot, hn::Mul(offset, sum_i));
            const auto with_ones =
                    hn::MulAdd(scale, hn::LoadU(df, atoms.sums + j), hn::Mul(offset, length));
            hn::StoreU(
                    hn::MulAdd(scale_i, with_signs, hn::Mul(offset_i, with_ones)), df,
                    gram + i * atoms.stride + j);
        }
    }
}

#if HWY_TARGET != HWY_SCALAR
HWY_INLINE void transpose_4x4(const float* from, size_t ldf, float* to, size_t ldt) {
    const hn::Full128<float> df;
    const hn::Full128<double> dd; // a pair of floats
    const auto row0 = hn::LoadU(df, from);
    const auto row1 = hn::LoadU(df, from + ldf);
    const auto row2 = hn::LoadU(df, from + 2 * ldf);
    const auto row3 = hn::LoadU(df, from + 3 * ldf);
    const auto low01 = hn::BitCast(dd, hn::InterleaveLower(df, row0, row1));
    const auto low23 = hn::BitCast(dd, hn::InterleaveLower(df, row2, row3));
    const auto high01 = hn::BitCast(dd, hn::InterleaveUpper(df, row0, row1));
    const auto high23 = hn::BitCast(dd, hn::InterleaveUpper(df, row2, row3));
    hn::StoreU(hn::BitCast(df, hn::InterleaveLower(dd, low01, low23)), df, to);
    hn::StoreU(hn::BitCast(df, hn::InterleaveUpper(dd, low01, low23)), df, to + ldt);
    hn::StoreU(hn::BitCast(df, hn::InterleaveLower(dd, high01, high23)), df, to + 2 * ldt);
    hn::StoreU(hn::BitCast(df, hn::InterleaveUpper(dd, high01, high23)), df, to + 3 * ldt);
}
#endif

void transpose(const float* from, size_t ldf, size_t rows, size_t cols, float* to, size_t ldt) {
    size_t whole_rows = 0;
    size_t whole_cols = 0;
#if HWY_TARGET != HWY_SCALAR
    whole_rows = rows / 4 * 4;
    whole_cols = cols / 4 * 4;
    for (size_t j = 0; j < whole_cols; j += 4)
        for (size_t i = 0; i < whole_rows; i += 4)
            transpose_4x4(from + i * ldf + j, ldf, to + j * ldt + i, ldt);
#endif
    for (size_t i = 0; i < rows; ++i)
        for (size_t j = i < whole_rows ? whole_cols : 0; j < cols; ++j)
            to[j * ldt + i] = from[i * ldf + j];
}

} // namespace bqq::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bqq::kernels {

HWY_EXPORT(multiply);
HWY_EXPORT(atom_gram);
HWY_EXPORT(transpose);

void multiply(
        const float* A, size_t lda, size_t m, const float* B, size_t ldb, size_t k, size_t n,
        float* C, size_t ldc) {
    if (k == 0) { // there may be no A and B
        for (size_t i = 0; i < m; ++i) std::fill_n(C + i * ldc, n, 0.0f);
        return;
    }
    HWY_DYNAMIC_DISPATCH(multiply)(A, lda, m, B, ldb, k, n, C, ldc);
}

void atom_gram(const SignAtoms& atoms, float* gram) {
    HWY_DYNAMIC_DISPATCH(atom_gram)(atoms, gram);
}

void transpose(const float* from, size_t ldf, size_t rows, size_t cols, float* to, size_t ldt) {
    HWY_DYNAMIC_DISPATCH(transpose)(from, ldf, rows, cols, to, ldt);
}

} // namespace bqq::kernels
#endif
