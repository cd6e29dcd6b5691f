#include "kernels/row_distances.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/row_distances.cpp"
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace bqq::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;

// Rows that are read at the same time, while those after them are on their way from memory.
constexpr size_t kRows = 4;

template <bool kL2>
HWY_INLINE hn::Vec<Floats> add_term(hn::Vec<Floats> x, hn::Vec<Floats> row, hn::Vec<Floats> sum) {
    if constexpr (kL2) {
        const auto difference = hn::Sub(x, row);
        return hn::MulAdd(difference, difference, sum);
    } else {
        return hn::MulAdd(x, row, sum);
    }
}

template <bool kL2>
HWY_INLINE void sum_terms(
        const float* x, const float* rows, size_t d, const uint32_t* chosen, size_t n, float* out) {
    const Floats df;
    const size_t lanes = hn::Lanes(df);
    for (size_t i = 0; i < n; i += kRows) {
        const float* row[kRows];
        const float* next[kRows];
        for (size_t r = 0; r < kRows; ++r) {
            row[r] = rows + d * chosen[std::min(i + r, n - 1)];
            next[r] = rows + d * chosen[std::min(i + kRows + r, n - 1)];
        }
        auto s0 = hn::Zero(df), s1 = s0, s2 = s0, s3 = s0;
        size_t j = 0;
        for (; j + lanes <= d; j += lanes) {
            for (size_t r = 0; r < kRows; ++r) hwy::Prefetch(next[r] + j);
            const auto v = hn::LoadU(df, x + j);
            s0 = add_term<kL2>(v, hn::LoadU(df, row[0] + j), s0);
            s1 = add_term<kL2>(v, hn::LoadU(df, row[1] + j), s1);
            s2 = add_term<kL2>(v, hn::LoadU(df, row[2] + j), s2);
            s3 = add_term<kL2>(v, hn::LoadU(df, row[3] + j), s3);
        }
        float sums[kRows] = {
                hn::GetLane(hn::SumOfLanes(df, s0)), hn::GetLane(hn::SumOfLanes(df, s1)),
                hn::GetLane(hn::SumOfLanes(df, s2)), hn::GetLane(hn::SumOfLanes(df, s3))};
        for (; j < d; ++j)
            for (size_t r = 0; r < kRows; ++r) {
                const float difference = x[j] - row[r][j];
                sums[r] += kL2 ? difference * difference : x[j] * row[r][j];
            }
        std::copy_n(sums, std::min(kRows, n - i), out + i);
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
