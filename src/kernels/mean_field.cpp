#include "kernels/mean_field.h"

#include "kernels/aligned.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/mean_field.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace bqq::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Tag = hn::CappedTag<float, kPad>;

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
    auto sum_y = zero;
    auto sum_ahead = zero;
    for (size_t k = 0; k < step.stride; k += hn::Lanes(df)) {
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
        sum_y = hn::Add(sum_y, next);
        sum_ahead = hn::Add(sum_ahead, next_ahead);
        add_to(sums.y + k, next);
        add_to(sums.y2 + k, hn::Mul(next, next));
        add_to(sums.ahead + k, next_ahead);
        add_to(sums.ahead2 + k, hn::Mul(next_ahead, next_ahead));
    }
    return {hn::GetLane(hn::SumOfLanes(df, sum_y)), hn::GetLane(hn::SumOfLanes(df, sum_ahead))};
}

float residual_row(
        const float* x, const float* product, float r, float row, const float* cols, size_t n,
        float* part) {
    const Tag df;
    const auto scale = hn::Set(df, r);
    const auto constant = hn::Set(df, row);
    auto sum = hn::Zero(df);
    for (size_t j = 0; j < padded(n); j += hn::Lanes(df)) {
        const auto rest = hn::Sub(hn::Sub(hn::LoadU(df, x + j), constant), hn::LoadU(df, cols + j));
        const auto e = hn::IfThenElseZero(
                hn::FirstN(df, n - (j < n ? j : n)),
                hn::NegMulAdd(scale, hn::LoadU(df, product + j), rest));
        hn::StoreU(e, df, part + j);
        sum = hn::Add(sum, e);
    }
    return hn::GetLane(hn::SumOfLanes(df, sum));
}

float sum(const float* values, size_t n) {
    const Tag df;
    auto total = hn::Zero(df);
    for (size_t j = 0; j < n; j += hn::Lanes(df)) total = hn::Add(total, hn::LoadU(df, values + j));
    return hn::GetLane(hn::SumOfLanes(df, total));
}

ProductSums product_sums(const float* x, const float* product, size_t n, float* cols) {
    const Tag df;
    auto sum = hn::Zero(df);
    auto squares = hn::Zero(df);
    auto with_x = hn::Zero(df);
    for (size_t j = 0; j < n; j += hn::Lanes(df)) {
        const auto yz = hn::LoadU(df, product + j);
        sum = hn::Add(sum, yz);
        squares = hn::MulAdd(yz, yz, squares);
        with_x = hn::MulAdd(yz, hn::LoadU(df, x + j), with_x);
        add_to(cols + j, yz);
    }
    return {hn::GetLane(hn::SumOfLanes(df, sum)), hn::GetLane(hn::SumOfLanes(df, squares)),
            hn::GetLane(hn::SumOfLanes(df, with_x))};
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
