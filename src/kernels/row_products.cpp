#include "kernels/row_products.h"

#include "kernels/aligned.h"

#include <algorithm>
#include <cassert>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/row_products.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace bqq::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// One product, summed in the order that the vectors below keep to.
HWY_INLINE float product(const float* a, const float* b, size_t d) {
    const hn::CappedTag<float, 1> one;
    float s[kPad] = {};
    for (size_t k = 0; k < d; ++k) {
        float& sum = s[k % kPad];
        sum = hn::GetLane(hn::MulAdd(hn::Set(one, a[k]), hn::Set(one, b[k]), hn::Set(one, sum)));
    }
    for (size_t half = kPad / 2; half > 0; half /= 2)
        for (size_t i = 0; i < half; ++i) s[i] += s[i + half];
    return s[0];
}

#if HWY_TARGET == HWY_SCALAR || HWY_HAVE_SCALABLE

void row_products(
        const float* a, size_t lda, size_t na, const float* b, size_t ldb, size_t nb, size_t d,
        float* c, size_t ldc) {
    for (size_t i = 0; i < na; ++i)
        for (size_t j = 0; j < nb; ++j) c[i * ldc + j] = product(a + i * lda, b + j * ldb, d);
}

#else

using Tag = hn::CappedTag<float, kPad>;
using V = hn::Vec<Tag>;

constexpr size_t kLanes = hn::MaxLanes(Tag());
// Four products that stand side by side in c are a group. A tile is this many groups: group g is in
// row g % kRows of the tile, from column 4 * (g / kRows) on.
constexpr size_t kGroups = kLanes == 16 ? 4 : 2;

template <size_t kRows>
HWY_INLINE void add_products(
        const float* a, size_t lda, const float* b, size_t ldb, V (&sums)[kGroups][4]) {
    const Tag df;
    V rows[kRows];
    for (size_t i = 0; i < kRows; ++i) rows[i] = hn::LoadU(df, a + i * lda);
    for (size_t g = 0; g < kGroups; g += kRows)
        for (size_t j = 0; j < 4; ++j) {
            const V column = hn::LoadU(df, b + (g / kRows * 4 + j) * ldb);
            for (size_t i = 0; i < kRows; ++i)
                sums[g + i][j] = hn::MulAdd(rows[i], column, sums[g + i][j]);
        }
}

/// Lane j of a block (4 lanes) is the sum of that block of s[j].
HWY_INLINE V fold_blocks(const V (&s)[4]) {
    const Tag df;
    const hn::Repartition<double, Tag> pairs;
    const V s01 = hn::Add(hn::InterleaveLower(df, s[0], s[1]), hn::InterleaveUpper(df, s[0], s[1]));
    const V s23 = hn::Add(hn::InterleaveLower(df, s[2], s[3]), hn::InterleaveUpper(df, s[2], s[3]));
    const auto low = hn::BitCast(pairs, s01), high = hn::BitCast(pairs, s23);
    return hn::Add(
            hn::BitCast(df, hn::InterleaveLower(pairs, low, high)),
            hn::BitCast(df, hn::InterleaveUpper(pairs, low, high)));
}

#if HWY_MAX_BYTES >= 32
/// The halves of x, added up, and those of y.
HWY_INLINE V fold_halves(V x, V y) {
    const Tag df;
    return hn::Add(hn::ConcatUpperLower(df, y, x), hn::ConcatLowerUpper(df, y, x));
}
#endif

/// The products of groups g to g + kLanes / 4 - 1, a group in each block.
HWY_INLINE V fold(const V (&parts)[kPad / kLanes][kGroups][4], size_t g) {
    V s[4];
    for (size_t j = 0; j < 4; ++j) {
#if HWY_MAX_BYTES >= 64
        const auto& part = parts[0];
        const V x = fold_halves(part[g][j], part[g + 2][j]);
        const V y = fold_halves(part[g + 1][j], part[g + 3][j]);
        s[j] = hn::Add(hn::OddEvenBlocks(y, x), hn::SwapAdjacentBlocks(hn::OddEvenBlocks(x, y)));
#elif HWY_MAX_BYTES >= 32
        s[j] = fold_halves(
                hn::Add(parts[0][g][j], parts[1][g][j]),
                hn::Add(parts[0][g + 1][j], parts[1][g + 1][j]));
#else
        s[j] = hn::Add(
                hn::Add(parts[0][g][j], parts[2][g][j]), hn::Add(parts[1][g][j], parts[3][g][j]));
#endif
    }
    return fold_blocks(s);
}

/// @param rest  the last d % kPad entries of the rows of a, padded with zeros, kPad apart
template <size_t kRows>
HWY_INLINE void multiply_tile(
        const float* a, size_t lda, const float* rest, const float* b, size_t ldb, size_t d,
        float* c, size_t ldc) {
    const Tag df;
    const size_t whole = d / kPad * kPad;
    V parts[kPad / kLanes][kGroups][4];
    for (size_t part = 0; part < kPad / kLanes; ++part) {
        const size_t first = part * kLanes;
        V sums[kGroups][4];
        for (auto& group : sums)
            for (V& sum : group) sum = hn::Zero(df);
        for (size_t k = first; k < whole; k += kPad)
            add_products<kRows>(a + k, lda, b + k, ldb, sums);
        if (whole < d) add_products<kRows>(rest + first, kPad, b + whole + first, ldb, sums);
        for (size_t g = 0; g < kGroups; ++g)
            for (size_t j = 0; j < 4; ++j) parts[part][g][j] = sums[g][j];
    }
    for (size_t g = 0; g < kGroups; g += kLanes / 4) {
        alignas(64) float groups[kLanes];
        hn::Store(fold(parts, g), df, groups);
        for (size_t i = 0; i < kLanes / 4; ++i)
            std::copy_n(groups + 4 * i, 4, c + (g + i) % kRows * ldc + (g + i) / kRows * 4);
    }
}

/// The products of kRows rows, nb >= 4. Where the width of a tile does not divide nb, two overlap.
template <size_t kRows>
void multiply_tiles(
        const float* a, size_t lda, const float* b, size_t ldb, size_t nb, size_t d, float* c,
        size_t ldc) {
    constexpr size_t kWidth = 4 * kGroups / kRows;
    if constexpr (kRows < kGroups)
        if (nb < kWidth) // the same row twice, lda = ldc = 0
            return multiply_tiles<2 * kRows>(a, lda, b, ldb, nb, d, c, ldc);
    alignas(64) float rest[kRows * kPad] = {};
    for (size_t i = 0; i < kRows; ++i) {
        const float* from = a + i * lda + d / kPad * kPad;
#if HWY_MEM_OPS_MIGHT_FAULT
        std::copy_n(from, d % kPad, rest + i * kPad);
#else // a vector that is stored in pieces is slow to load
        const Tag df;
        hn::Store(hn::MaskedLoad(hn::FirstN(df, d % kPad), df, from), df, rest + i * kPad);
#endif
    }
    for (size_t begin = 0; begin < nb; begin += kWidth) {
        const size_t j = std::min(begin, nb - kWidth);
        multiply_tile<kRows>(a, lda, rest, b + j * ldb, ldb, d, c + j, ldc);
    }
}

void row_products(
        const float* a, size_t lda, size_t na, const float* b, size_t ldb, size_t nb, size_t d,
        float* c, size_t ldc) {
    if (nb < 4) {
        for (size_t i = 0; i < na; ++i)
            for (size_t j = 0; j < nb; ++j) c[i * ldc + j] = product(a + i * lda, b + j * ldb, d);
        return;
    }
    size_t i = 0;
    for (; i + kGroups <= na; i += kGroups)
        multiply_tiles<kGroups>(a + i * lda, lda, b, ldb, nb, d, c + i * ldc, ldc);
    for (; i < na; ++i) multiply_tiles<1>(a + i * lda, 0, b, ldb, nb, d, c + i * ldc, 0);
}

#endif

} // namespace bqq::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bqq::kernels {

HWY_EXPORT(row_products);

void row_products(
        const float* a, size_t lda, size_t na, const float* b, size_t ldb, size_t nb, size_t d,
        float* c, size_t ldc) {
    assert(na < 2 || lda >= d);
    assert(nb < 2 || ldb >= padded(d));
    assert(na < 2 || ldc >= nb);
    HWY_DYNAMIC_DISPATCH(row_products)(a, lda, na, b, ldb, nb, d, c, ldc);
}

} // namespace bqq::kernels
#endif
