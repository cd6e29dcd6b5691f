#include "kernels/row_distances.h"

#include "kernels/aligned.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/row_distances.cpp"
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/partial_sums-inl.h"

HWY_BEFORE_NAMESPACE();
namespace bqq::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Tag = PartTag;

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

template <bool kL2>
HWY_INLINE void sum_terms(
        const float* x, const float* rows, size_t d, const uint32_t* chosen, size_t n, float* out) {
    const Tag df;
    const hn::CappedTag<float, 1> one;
    const size_t whole = d / kPad * kPad;
    for (size_t i = 0; i < n; i += kRows) {
        const float* row[kRows];
        const float* next[kRows];
        for (size_t r = 0; r < kRows; ++r) {
            row[r] = rows + d * chosen[std::min(i + r, n - 1)];
            next[r] = rows + d * chosen[std::min(i + kRows + r, n - 1)];
        }
        Part sums[kRows][kParts];
        for (auto& sum : sums) clear(sum);
        for_each_part(whole, [&](size_t j, size_t p) HWY_ATTR {
            const auto v = hn::LoadU(df, x + j);
            for (size_t r = 0; r < kRows; ++r) {
                hwy::Prefetch(next[r] + j);
                sums[r][p] = add_term<kL2>(df, v, hn::LoadU(df, row[r] + j), sums[r][p]);
            }
        });
        alignas(64) float rest[kRows][kPad];
        for (size_t r = 0; r < kRows; ++r) {
            if (whole < d) {
                for (size_t p = 0; p < kParts; ++p)
                    hn::Store(sums[r][p], df, rest[r] + p * kPartLanes);
                for (size_t j = whole; j < d; ++j) {
                    float& sum = rest[r][j - whole];
                    sum = hn::GetLane(add_term<kL2>(
                            one, hn::Set(one, x[j]), hn::Set(one, row[r][j]), hn::Set(one, sum)));
                }
                for (size_t p = 0; p < kParts; ++p)
                    sums[r][p] = hn::Load(df, rest[r] + p * kPartLanes);
            }
            const float total = fold_parts(sums[r]);
            if (i + r < n) out[i + r] = total;
        }
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
