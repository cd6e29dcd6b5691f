#include "kernels/flips.h"

#include <bit>
#include <cstdint>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/flips.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace bqq::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Tag = hn::CappedTag<float, kFlipPad>;

HWY_INLINE void add_row(const float* row, size_t stride, float factor, float* field) {
    const Tag df;
    const auto f = hn::Set(df, factor);
    for (size_t j = 0; j < stride; j += hn::Lanes(df))
        hn::StoreU(hn::MulAdd(f, hn::LoadU(df, row + j), hn::LoadU(df, field + j)), df, field + j);
}

void greedy_signs(const Coupling& c, float* field, float* signs) {
    for (size_t k = 0; k < c.stride; ++k) signs[k] = 1;
    for (size_t k = 0; k < c.M; ++k) {
        signs[k] = field[k] < 0 ? -1.0f : 1.0f;
        add_row(c.gram + k * c.stride, c.stride, -signs[k], field);
    }
}

/// Bits of the lanes whose flip is accepted.
HWY_INLINE uint64_t accepted(
        const Coupling& c, size_t k, float quarter_temperature, const float* noise,
        const float* field, const float* signs) {
    const Tag df;
    const auto threshold =
            hn::Mul(hn::Set(df, quarter_temperature),
                    hn::Mul(hn::LoadU(df, c.diagonal + k), hn::LoadU(df, noise + k)));
    const auto cost = hn::Mul(hn::LoadU(df, field + k), hn::LoadU(df, signs + k));
    uint8_t bytes[8] = {};
    hn::StoreMaskBits(df, hn::Lt(cost, threshold), bytes);
    return uint64_t{bytes[0]} | uint64_t{bytes[1]} << 8;
}

size_t sweep(const Coupling& c, float temperature, const float* noise, float* field, float* signs) {
    const size_t lanes = hn::Lanes(Tag());
    size_t flips = 0;
    for (size_t k = 0; k < c.stride; k += lanes) {
        uint64_t later = ~uint64_t{0};
        while (const uint64_t bits =
                       accepted(c, k, 0.25f * temperature, noise, field, signs) & later) {
            const int lane = std::countr_zero(bits);
            const size_t i = k + static_cast<size_t>(lane);
            signs[i] = -signs[i];
            add_row(c.gram + i * c.stride, c.stride, -2 * signs[i], field);
            later = ~uint64_t{1} << lane;
            ++flips;
        }
    }
    return flips;
}

void anneal_flips(
        const Coupling& c, std::span<const float> temperatures, std::span<const float> noise,
        float* field, float* signs) {
    const size_t starts = noise.size() - c.stride;
    uint64_t state = 0x9E3779B97F4A7C15u;
    for (const float temperature : temperatures) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        sweep(c, temperature, noise.data() + (state >> 33) % starts, field, signs);
    }
    // Each cold flip lowers the energy; the bound stops a cycle of flips within rounding errors.
    constexpr int kColdSweeps = 50;
    for (int i = 0; i < kColdSweeps; ++i)
        if (sweep(c, 0, noise.data(), field, signs) == 0) break;
}

} // namespace bqq::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bqq::kernels {

HWY_EXPORT(greedy_signs);
HWY_EXPORT(anneal_flips);

void greedy_signs(const Coupling& coupling, float* field, float* signs) {
    HWY_DYNAMIC_DISPATCH(greedy_signs)(coupling, field, signs);
}

void anneal_flips(
        const Coupling& coupling, std::span<const float> temperatures, std::span<const float> noise,
        float* field, float* signs) {
    HWY_DYNAMIC_DISPATCH(anneal_flips)(coupling, temperatures, noise, field, signs);
}

} // namespace bqq::kernels
#endif
