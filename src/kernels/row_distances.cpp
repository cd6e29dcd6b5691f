#include "kernels/row_distances.h"

#include "kernels/aligned.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/row_distances.cpp"
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace bqq::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Tag = hn::CappedTag<float, kPad>;

// Rows that are read at the same time, while those after them are on their way from memory.
constexpr size_t kRows = 4;

template <bool kL2, class D, class V = hn::Vec<D>>
HWY_INLINE V add_term(D, V x, V row, V sum) {
    if constexpr (kL2) {
        const V difference = hn::Sub(x, row);
        return hn::MulAdd(difference, difference, sum);
    } else {
        return hn::MulAdd(x, row, sum);
    }
}

/// The terms of kRows rows, entry e of a row in sum e % kPad.
template <bool kL2>
HWY_INLINE void sum_of_rows(
        const float* x, const float* const (&row)[kRows], const float* const (&next)[kRows],
        size_t d, float (&sums)[kRows][kPad]) {
    const Tag df;
    const size_t lanes = hn::Lanes(df);
    const size_t whole = d / kPad * kPad;
    for (size_t part = 0; part < kPad; part += lanes) {
        auto s0 = hn::Zero(df), s1 = s0, s2 = s0, s3 = s0;
        for (size_t j = part; j < whole; j += kPad) {
            for (size_t r = 0; r < kRows; ++r) hwy::Prefetch(next[r] + j);
            const auto v = hn::LoadU(df, x + j);
            s0 = add_term<kL2>(df, v, hn::LoadU(df, row[0] + j), s0);
            s1 = add_term<kL2>(df, v, hn::LoadU(df, row[1] + j), s1);
            s2 = add_term<kL2>(df, v, hn::LoadU(df, row[2] + j), s2);
            s3 = add_term<kL2>(df, v, hn::LoadU(df, row[3] + j), s3);
        }
        hn::StoreU(s0, df, sums[0] + part);
        hn::StoreU(s1, df, sums[1] + part);
        hn::StoreU(s2, df, sums[2] + part);
        hn::StoreU(s3, df, sums[3] + part);
    }
    const hn::CappedTag<float, 1> one;
    for (size_t j = whole; j < d; ++j)
        for (size_t r = 0; r < kRows; ++r) {
            float& sum = sums[r][j - whole];
            sum = hn::GetLane(add_term<kL2>(
                    one, hn::Set(one, x[j]), hn::Set(one, row[r][j]), hn::Set(one, sum)));
        }
}

template <bool kL2>
HWY_INLINE void sum_terms(
        const float* x, const float* rows, size_t d, const uint32_t* chosen, size_t n, float* out) {
    for (size_t i = 0; i < n; i += kRows) {
        const float* row[kRows];
        const float* next[kRows];
        for (size_t r = 0; r < kRows; ++r) {
            row[r] = rows + d * chosen[std::min(i + r, n - 1)];
            next[r] = rows + d * chosen[std::min(i + kRows + r, n - 1)];
        }
        alignas(64) float sums[kRows][kPad];
        sum_of_rows<kL2>(x, row, next, d, sums);
        for (size_t half = kPad / 2; half > 0; half /= 2)
            for (size_t r = 0; r < kRows; ++r)
                for (size_t l = 0; l < half; ++l) sums[r][l] += sums[r][l + half];
        for (size_t r = 0; r < std::min(kRows, n - i); ++r) out[i + r] = sums[r][0];
    }
}

void squared_distances(
        const float* x, const float* rows, size_t d, const uint32_t* chosen, size_t n,
        float* distances) {
    sum_terms<true>(x, rows, d, chosen, n, distances);
}

void inner_products(
        const float* x, const float* rows, size_t d, const uint32_t* chosen, size_t n,
        float* products) {
    sum_terms<false>(x, rows, d, chosen, n, products);
}

} // namespace bqq::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bqq::kernels {

HWY_EXPORT(squared_distances);
HWY_EXPORT(inner_products);

void squared_distances(
        const float* x, const float* rows, size_t d, const uint32_t* chosen, size_t n,
        float* distances) {
    HWY_DYNAMIC_DISPATCH(squared_distances)(x, rows, d, chosen, n, distances);
}

void inner_products(
        const float* x, const float* rows, size_t d, const uint32_t* chosen, size_t n,
        float* products) {
    HWY_DYNAMIC_DISPATCH(inner_products)(x, rows, d, chosen, n, products);
}

} // namespace bqq::kernels
#endif
