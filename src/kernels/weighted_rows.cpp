#include "kernels/weighted_rows.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/weighted_rows.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace bqq::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;

void add_weighted_rows(const float* weights, const float* rows, size_t n, size_t d, float* sum) {
    const Floats df;
    const size_t lanes = hn::Lanes(df);
    // As many sums stay in registers as hide the latency of an addition.
    size_t j = 0;
    for (; j + 8 * lanes <= d; j += 8 * lanes) {
        auto s0 = hn::LoadU(df, sum + j), s1 = hn::LoadU(df, sum + j + lanes),
             s2 = hn::LoadU(df, sum + j + 2 * lanes), s3 = hn::LoadU(df, sum + j + 3 * lanes),
             s4 = hn::LoadU(df, sum + j + 4 * lanes), s5 = hn::LoadU(df, sum + j + 5 * lanes),
             s6 = hn::LoadU(df, sum + j + 6 * lanes), s7 = hn::LoadU(df, sum + j + 7 * lanes);
        const float* row = rows + j;
        for (size_t i = 0; i < n; ++i, row += d) {
            const auto weight = hn::Set(df, weights[i]);
            s0 = hn::MulAdd(weight, hn::LoadU(df, row), s0);
            s1 = hn::MulAdd(weight, hn::LoadU(df, row + lanes), s1);
            s2 = hn::MulAdd(weight, hn::LoadU(df, row + 2 * lanes), s2);
            s3 = hn::MulAdd(weight, hn::LoadU(df, row + 3 * lanes), s3);
            s4 = hn::MulAdd(weight, hn::LoadU(df, row + 4 * lanes), s4);
            s5 = hn::MulAdd(weight, hn::LoadU(df, row + 5 * lanes), s5);
            s6 = hn::MulAdd(weight, hn::LoadU(df, row + 6 * lanes), s6);
            s7 = hn::MulAdd(weight, hn::LoadU(df, row + 7 * lanes), s7);
        }
        hn::StoreU(s0, df, sum + j);
        hn::StoreU(s1, df, sum + j + lanes);
        hn::StoreU(s2, df, sum + j + 2 * lanes);
        hn::StoreU(s3, df, sum + j + 3 * lanes);
        hn::StoreU(s4, df, sum + j + 4 * lanes);
        hn::StoreU(s5, df, sum + j + 5 * lanes);
        hn::StoreU(s6, df, sum + j + 6 * lanes);
        hn::StoreU(s7, df, sum + j + 7 * lanes);
    }
    for (; j + lanes <= d; j += lanes) {
        auto s = hn::LoadU(df, sum + j);
        for (size_t i = 0; i < n; ++i)
            s = hn::MulAdd(hn::Set(df, weights[i]), hn::LoadU(df, rows + i * d + j), s);
        hn::StoreU(s, df, sum + j);
    }
    for (size_t i = 0; i < n; ++i)
        for (size_t rest = j; rest < d; ++rest) sum[rest] += weights[i] * rows[i * d + rest];
}

} // namespace bqq::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bqq::kernels {

HWY_EXPORT(add_weighted_rows);

void add_weighted_rows(const float* weights, const float* rows, size_t n, size_t d, float* sum) {
    if (n == 0) return; // there may be no rows
    HWY_DYNAMIC_DISPATCH(add_weighted_rows)(weights, rows, n, d, sum);
}

} // namespace bqq::kernels
#endif
