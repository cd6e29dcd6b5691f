#include "kernels/mean_field.h"

#include "kernels/aligned.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/mean_field.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/partial_sums-inl.h"

HWY_BEFORE_NAMESPACE();
namespace bqq::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Tag = PartTag;

HWY_INLINE void add_to(float* sums, hn::Vec<Tag> v) {
    const Tag df;
    hn::StoreU(hn::Add(hn::LoadU(df, sums), v), df, sums);
}

RowSums descend_row(
        const MeanFieldStep& step, const float* correlation, float sum, float* y, float* before,
        float* ahead, const MeanFieldSums& sums) {
    const Tag df;
    const auto eta = hn::Set(df, step.eta);
    const auto zeta = hn::Set(df, step.zeta);
    const auto temperature = hn::Set(df, step.temperature);
    const auto half = hn::Set(df, 0.5f);
    const auto one = hn::Set(df, 1.0f);
    const auto two = hn::Set(df, 2.0f);
    const auto zero = hn::Zero(df);
    const auto minus_2r = hn::Set(df, -2 * step.r);
    const auto row = hn::Set(df, -2 * step.s * sum);
    Part sums_y[kParts], sums_ahead[kParts];
    clear(sums_y);
    clear(sums_ahead);
    for_each_part(step.stride, [&](size_t k, size_t p) HWY_ATTR {
        const auto now = hn::LoadU(df, y + k);
        const auto last = hn::LoadU(df, before + k);
        const auto there = hn::LoadU(df, ahead + k);
        auto gradient = hn::Add(row, hn::LoadU(df, step.constant + k));
        gradient = hn::MulAdd(hn::LoadU(df, step.slope + k), there, gradient);
        gradient = hn::MulAdd(minus_2r, hn::LoadU(df, correlation + k), gradient);
        gradient = hn::MulAdd(temperature, hn::Sub(now, half), gradient);
        const auto moved = hn::NegMulAdd(eta, gradient, hn::MulSub(two, now, last));
        auto next = hn::Min(hn::Max(moved, zero), one);
        // The padding stays zero whatever the constants there.
        next = hn::IfThenElseZero(hn::FirstN(df, step.l - (k < step.l ? k : step.l)), next);
        const auto next_ahead = hn::MulAdd(zeta, hn::Sub(next, now), next);
        hn::StoreU(next, df, y + k);
        hn::StoreU(now, df, before + k);
        hn::StoreU(next_ahead, df, ahead + k);
        sums_y[p] = hn::Add(sums_y[p], next);
        sums_ahead[p] = hn::Add(sums_ahead[p], next_ahead);
        add_to(sums.y + k, next);
        add_to(sums.y2 + k, hn::Mul(next, next));
        add_to(sums.ahead + k, next_ahead);
        add_to(sums.ahead2 + k, hn::Mul(next_ahead, next_ahead));
    });
    return {fold_parts(sums_y), fold_parts(sums_ahead)};
}

float residual_row(
        const float* x, const float* product, float r, float row, const float* cols, size_t n,
        float* part) {
    const Tag df;
    const auto scale = hn::Set(df, r);
    const auto constant = hn::Set(df, row);
    Part sums[kParts];
    clear(sums);
    for_each_part(padded(n), [&](size_t j, size_t p) HWY_ATTR {
        const auto rest = hn::Sub(hn::Sub(hn::LoadU(df, x + j), constant), hn::LoadU(df, cols + j));
        const auto e = hn::IfThenElseZero(
                hn::FirstN(df, n - (j < n ? j : n)),
                hn::NegMulAdd(scale, hn::LoadU(df, product + j), rest));
        hn::StoreU(e, df, part + j);
        sums[p] = hn::Add(sums[p], e);
    });
    return fold_parts(sums);
}

float sum(const float* values, size_t n) {
    Part sums[kParts];
    clear(sums);
    for_each_part(n, [&](size_t j, size_t p) HWY_ATTR {
        sums[p] = hn::Add(sums[p], hn::LoadU(Tag(), values + j));
    });
    return fold_parts(sums);
}

ProductSums product_sums(const float* x, const float* product, size_t n, float* cols) {
    const Tag df;
    Part sums[kParts], squares[kParts], with_x[kParts];
    clear(sums);
    clear(squares);
    clear(with_x);
    for_each_part(n, [&](size_t j, size_t p) HWY_ATTR {
        const auto yz = hn::LoadU(df, product + j);
        sums[p] = hn::Add(sums[p], yz);
        squares[p] = hn::MulAdd(yz, yz, squares[p]);
        with_x[p] = hn::MulAdd(yz, hn::LoadU(df, x + j), with_x[p]);
        add_to(cols + j, yz);
    });
    return {fold_parts(sums), fold_parts(squares), fold_parts(with_x)};
}

} // namespace bqq::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bqq::kernels {

HWY_EXPORT(descend_row);
HWY_EXPORT(residual_row);
HWY_EXPORT(product_sums);
HWY_EXPORT(sum);

RowSums descend_row(
        const MeanFieldStep& step, const float* correlation, float sum, float* y, float* before,
        float* ahead, const MeanFieldSums& sums) {
    return HWY_DYNAMIC_DISPATCH(descend_row)(step, correlation, sum, y, before, ahead, sums);
}

float residual_row(
        const float* x, const float* product, float r, float row, const float* cols, size_t n,
        float* part) {
    return HWY_DYNAMIC_DISPATCH(residual_row)(x, product, r, row, cols, n, part);
}

ProductSums product_sums(const float* x, const float* product, size_t n, float* cols) {
    return HWY_DYNAMIC_DISPATCH(product_sums)(x, product, n, cols);
}

float sum(const float* values, size_t n) {
    return HWY_DYNAMIC_DISPATCH(sum)(values, n);
}

} // namespace bqq::kernels
#endif
