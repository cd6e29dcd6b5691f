// Sums over rows of floats in an order that the width of vectors does not change: for inclusion by
// kernels, once for each target.

#if defined(BQQ_PARTIAL_SUMS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef BQQ_PARTIAL_SUMS_INL_H
#undef BQQ_PARTIAL_SUMS_INL_H
#else
#define BQQ_PARTIAL_SUMS_INL_H
#endif

#include "kernels/aligned.h"

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace bqq::kernels::HWY_NAMESPACE {

/** Of a sum of many terms, term e is added to partial sum e % kPad; kParts vectors hold these. In
 * the end they are folded by halves: s[i] += s[i + 8], then i + 4, i + 2 and i + 1.
 */
using PartTag = hwy::HWY_NAMESPACE::CappedTag<float, kPad>;
using Part = hwy::HWY_NAMESPACE::Vec<PartTag>;
constexpr size_t kPartLanes = hwy::HWY_NAMESPACE::MaxLanes(PartTag());
constexpr size_t kParts = kPad / kPartLanes;

/// The lanes of v folded.
template <class D>
HWY_INLINE float fold_lanes([[maybe_unused]] D d, hwy::HWY_NAMESPACE::Vec<D> v) {
    namespace hn = hwy::HWY_NAMESPACE;
#if HWY_TARGET != HWY_SCALAR
    if constexpr (hn::MaxLanes(d) > 4) {
        const hn::Half<D> half;
        return fold_lanes(half, hn::Add(hn::LowerHalf(half, v), hn::UpperHalf(half, v)));
    } else {
        const auto pairs = hn::Add(v, hn::Shuffle1032(v));
        return hn::GetLane(hn::Add(pairs, hn::Shuffle2301(pairs)));
    }
#else
    return hn::GetLane(v);
#endif
}

HWY_INLINE void clear(Part (&s)[kParts]) {
    for (Part& sum : s) sum = hwy::HWY_NAMESPACE::Zero(PartTag());
}

/// Calls visit(first, part) for the vectors of a row of n floats, a multiple of kPad.
template <class Visit>
HWY_INLINE void for_each_part(size_t n, const Visit& visit) {
    for (size_t j = 0; j < n; j += kPad)
        for (size_t p = 0; p < kParts; ++p) visit(j + p * kPartLanes, p);
}

HWY_INLINE float fold_parts(Part (&s)[kParts]) {
    namespace hn = hwy::HWY_NAMESPACE;
    for (size_t half = kParts / 2; half > 0; half /= 2)
        for (size_t i = 0; i < half; ++i) s[i] = hn::Add(s[i], s[i + half]);
    return fold_lanes(PartTag(), s[0]);
}

} // namespace bqq::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif // BQQ_PARTIAL_SUMS_INL_H
