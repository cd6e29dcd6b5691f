#include "kernels/flips.h"

#include <bit>
#include <cstdint>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/flips.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/partial_sums-inl.h"

HWY_BEFORE_NAMESPACE();
namespace bqq::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Tag = PartTag;

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

/** @param flipped  takes the signs that were flipped, if not null
 *  @param last     the field behind the sweep is not used again and need not be kept
 */
size_t sweep(
        const Coupling& c, float temperature, const float* noise, float* field, float* signs,
        uint32_t* flipped = nullptr, bool last = false) {
    const Tag df;
    const auto lane_of = hn::Iota(df, 0);
    const auto quarter_temperature = hn::Set(df, 0.25f * temperature);
    size_t flips = 0;
    for (size_t k = 0; k < c.stride; k += hn::Lanes(df)) {
        const auto threshold = hn::Mul(
                quarter_temperature, hn::Mul(hn::LoadU(df, c.unit + k), hn::LoadU(df, noise + k)));
        // These lanes' field and signs stay in registers as well: the next decision waits for them.
        auto f = hn::LoadU(df, field + k);
        auto s = hn::LoadU(df, signs + k);
        uint64_t later = ~uint64_t{0};
        for (;;) {
            uint8_t bytes[8] = {};
            hn::StoreMaskBits(df, hn::Lt(hn::Mul(f, s), threshold), bytes);
            const uint64_t accepted = (uint64_t{bytes[0]} | uint64_t{bytes[1]} << 8) & later;
            if (accepted == 0) break;
            const int lane = std::countr_zero(accepted);
            const size_t i = k + static_cast<size_t>(lane);
            const float* row = c.gram + i * c.stride;
            signs[i] = -signs[i];
            f = hn::MulAdd(hn::Set(df, -2 * signs[i]), hn::LoadU(df, row + k), f);
            s = hn::IfThenElse(
                    hn::Eq(lane_of, hn::Set(df, static_cast<float>(lane))), hn::Neg(s), s);
            const size_t from = last ? k : 0;
            add_row(row + from, c.stride - from, -2 * signs[i], field + from);
            later = ~uint64_t{1} << lane;
            if (flipped) flipped[flips] = static_cast<uint32_t>(i);
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
        state = next_random(state);
        sweep(c, temperature, noise.data() + (state >> 33) % starts, field, signs);
    }
    // Each cold flip lowers the energy; the bound stops a cycle of flips within rounding errors.
    constexpr int kColdSweeps = 50;
    for (int i = 0; i < kColdSweeps; ++i)
        if (sweep(c, 0, noise.data(), field, signs) == 0) break;
}

size_t sweep_flips(
        const Coupling& c, float temperature, size_t sweeps, std::span<const float> noise,
        uint64_t& random, float* field, float* signs, uint32_t* flipped) {
    const size_t starts = noise.size() - c.stride;
    size_t flips = 0;
    for (size_t i = 0; i < sweeps; ++i) {
        random = next_random(random);
        const float* draws = noise.data() + (random >> 33) % starts;
        flips += sweep(c, temperature, draws, field, signs, flipped + flips, i + 1 == sweeps);
    }
    return flips;
}

void correlations_to_field(
        const AffineAtoms& atoms, const float* residual, size_t n, const float* signs,
        float* field) {
    const Tag df;
    Part sums[kParts];
    clear(sums);
    for_each_part(n, [&](size_t j, size_t p) HWY_ATTR {
        sums[p] = hn::Add(sums[p], hn::LoadU(df, residual + j));
    });
    const auto sum = hn::Set(df, fold_parts(sums));
    for (size_t k = 0; k < atoms.stride; k += hn::Lanes(df)) {
        const auto own = hn::Mul(hn::LoadU(df, atoms.energy + k), hn::LoadU(df, signs + k));
        const auto rest = hn::MulAdd(hn::LoadU(df, atoms.offset + k), sum, own);
        hn::StoreU(
                hn::MulAdd(hn::LoadU(df, atoms.scale + k), hn::LoadU(df, field + k), rest), df,
                field + k);
    }
}

void add_rows(
        std::span<const uint32_t> indices, std::span<const float> factors, const float* rows,
        size_t ld, size_t n, float constant, float* to) {
    const Tag df;
    for (size_t j = 0; j < n; j += hn::Lanes(df)) {
        auto sum = hn::Add(hn::LoadU(df, to + j), hn::Set(df, constant));
        for (size_t i = 0; i < indices.size(); ++i)
            sum = hn::MulAdd(
                    hn::Set(df, factors[i]), hn::LoadU(df, rows + indices[i] * ld + j), sum);
        hn::StoreU(sum, df, to + j);
    }
}

} // namespace bqq::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bqq::kernels {

HWY_EXPORT(greedy_signs);
HWY_EXPORT(anneal_flips);
HWY_EXPORT(sweep_flips);
HWY_EXPORT(add_rows);
HWY_EXPORT(correlations_to_field);

void greedy_signs(const Coupling& coupling, float* field, float* signs) {
    HWY_DYNAMIC_DISPATCH(greedy_signs)(coupling, field, signs);
}

void anneal_flips(
        const Coupling& coupling, std::span<const float> temperatures, std::span<const float> noise,
        float* field, float* signs) {
    HWY_DYNAMIC_DISPATCH(anneal_flips)(coupling, temperatures, noise, field, signs);
}

size_t sweep_flips(
        const Coupling& coupling, float temperature, size_t sweeps, std::span<const float> noise,
        uint64_t& random, float* field, float* signs, uint32_t* flipped) {
    return HWY_DYNAMIC_DISPATCH(sweep_flips)(
            coupling, temperature, sweeps, noise, random, field, signs, flipped);
}

void add_rows(
        std::span<const uint32_t> indices, std::span<const float> factors, const float* rows,
        size_t ld, size_t n, float constant, float* to) {
    HWY_DYNAMIC_DISPATCH(add_rows)(indices, factors, rows, ld, n, constant, to);
}

void correlations_to_field(
        const AffineAtoms& atoms, const float* residual, size_t n, const float* signs,
        float* field) {
    HWY_DYNAMIC_DISPATCH(correlations_to_field)(atoms, residual, n, signs, field);
}

} // namespace bqq::kernels
#endif
