#include "kernels/levels.h"

#include <cassert>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/levels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace bqq::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::CappedTag<float, 16>;

/// The sum of 16 partial sums, in the order of row_products().
HWY_INLINE float fold(float* s) {
    for (size_t half = 8; half > 0; half /= 2)
        for (size_t i = 0; i < half; ++i) s[i] += s[i + half];
    return s[0];
}

#if HWY_MAX_BYTES >= 32 && !HWY_HAVE_SCALABLE

using Ints = hn::RebindToSigned<Floats>;
constexpr size_t kLanes = hn::MaxLanes(Floats());

/// A table of 16 floats in one or two vectors.
struct Table {
    hn::Vec<Floats> low, high;

    HWY_INLINE explicit Table(const float* from)
            : low(hn::LoadU(Floats(), from)), high(hn::LoadU(Floats(), from + 16 - kLanes)) {}
    HWY_INLINE hn::Vec<Floats> operator[](hn::Vec<Ints> level) const {
        const Floats df;
        const Ints di;
        if constexpr (kLanes == 16) {
            return hn::TableLookupLanes(low, hn::IndicesFromVec(df, level));
        } else {
            const auto last = hn::Set(di, kLanes - 1);
            const auto place = hn::IndicesFromVec(df, hn::And(level, last));
            return hn::IfThenElse(
                    hn::RebindMask(df, hn::Gt(level, last)), hn::TableLookupLanes(high, place),
                    hn::TableLookupLanes(low, place));
        }
    }
};

template <size_t kPlanes>
HWY_INLINE void expand(const uint8_t* levels, const float* tables, size_t d, float* row) {
    const Floats df;
    const Ints di;
    const hn::Rebind<uint8_t, Floats> bytes;
    const Table first(tables), second(tables + 16 * (kPlanes > 1)),
            third(tables + 32 * (kPlanes > 2)), fourth(tables + 48 * (kPlanes > 3));
    const size_t size = level_bytes(d);
    for (size_t b = 0; b < size; b += kLanes) {
        auto level = hn::PromoteTo(di, hn::LoadU(bytes, levels + b));
        const auto low_half = hn::Set(di, 15);
        auto low = first[hn::And(level, low_half)];
        auto high = first[hn::ShiftRight<4>(level)];
        const auto add = [&](const Table& table, size_t p) HWY_ATTR {
            level = hn::PromoteTo(di, hn::LoadU(bytes, levels + p * size + b));
            low = hn::Add(low, table[hn::And(level, low_half)]);
            high = hn::Add(high, table[hn::ShiftRight<4>(level)]);
        };
        if constexpr (kPlanes > 1) add(second, 1);
        if constexpr (kPlanes > 2) add(third, 2);
        if constexpr (kPlanes > 3) add(fourth, 3);
        float* to = row + b / 16 * 32 + b % 16;
        hn::StoreU(low, df, to);
        hn::StoreU(high, df, to + 16);
    }
}

/// The products of kRows rows.
template <size_t kPlanes, size_t kRows>
HWY_INLINE void multiply(
        const float* x, const uint8_t* levels, const float* tables, size_t d, float* products) {
    const Floats df;
    const Ints di;
    const hn::Rebind<uint8_t, Floats> bytes;
    constexpr size_t kParts = 16 / kLanes;
    const size_t size = level_bytes(d);
    hn::Vec<Floats> sums[kRows][kParts];
    for (auto& row : sums)
        for (auto& sum : row) sum = hn::Zero(df);
    for (size_t b = 0; b < size; b += 16)
        for (size_t part = 0; part < kParts; ++part) {
            const size_t first = part * kLanes;
            const auto x_low = hn::LoadU(df, x + 2 * b + first);
            const auto x_high = hn::LoadU(df, x + 2 * b + 16 + first);
            for (size_t r = 0; r < kRows; ++r) {
                auto low = hn::Zero(df), high = hn::Zero(df);
                for (size_t p = 0; p < kPlanes; ++p) {
                    const Table table(tables + (r * kPlanes + p) * 16);
                    const uint8_t* from = levels + (r * kPlanes + p) * size + b + first;
                    const auto level = hn::PromoteTo(di, hn::LoadU(bytes, from));
                    const auto of_low = table[hn::And(level, hn::Set(di, 15))];
                    const auto of_high = table[hn::ShiftRight<4>(level)];
                    low = p == 0 ? of_low : hn::Add(low, of_low);
                    high = p == 0 ? of_high : hn::Add(high, of_high);
                }
                sums[r][part] = hn::MulAdd(x_low, low, sums[r][part]);
                sums[r][part] = hn::MulAdd(x_high, high, sums[r][part]);
            }
        }
    for (size_t r = 0; r < kRows; ++r) {
        alignas(64) float s[16];
        for (size_t part = 0; part < kParts; ++part)
            hn::Store(sums[r][part], df, s + part * kLanes);
        products[r] = fold(s);
    }
}

#else

/// The products of kRows rows.
template <size_t kPlanes, size_t kRows>
HWY_INLINE void multiply(
        const float* x, const uint8_t* levels, const float* tables, size_t d, float* products) {
    const hn::CappedTag<float, 1> one;
    const size_t size = level_bytes(d);
    for (size_t r = 0; r < kRows; ++r, levels += kPlanes * size, tables += kPlanes * 16) {
        float s[16] = {};
        for (size_t e = 0; e < 2 * size; ++e) {
            const auto value = [&](size_t p) {
                const uint8_t both = levels[p * size + e / 32 * 16 + e % 16];
                return tables[16 * p + (e % 32 < 16 ? both & 15 : both >> 4)];
            };
            float sum = value(0);
            for (size_t p = 1; p < kPlanes; ++p) sum += value(p);
            s[e % 16] = hn::GetLane(
                    hn::MulAdd(hn::Set(one, x[e]), hn::Set(one, sum), hn::Set(one, s[e % 16])));
        }
        products[r] = fold(s);
    }
}

template <size_t kPlanes>
HWY_INLINE void expand(const uint8_t* levels, const float* tables, size_t d, float* row) {
    const size_t size = level_bytes(d);
    for (size_t b = 0; b < size; ++b) {
        float low = tables[levels[b] & 15];
        float high = tables[levels[b] >> 4];
        for (size_t p = 1; p < kPlanes; ++p) {
            const uint8_t level = levels[p * size + b];
            low += tables[16 * p + (level & 15)];
            high += tables[16 * p + (level >> 4)];
        }
        float* to = row + b / 16 * 32 + b % 16;
        to[0] = low;
        to[16] = high;
    }
}

#endif

template <size_t kPlanes>
HWY_INLINE void multiply_rows(
        const float* x, const uint8_t* levels, const float* tables, size_t rows, size_t d,
        float* products) {
    constexpr size_t kTogether = 4; // sums that do not wait for each other
    const size_t size = kPlanes * level_bytes(d);
    size_t r = 0;
    for (; r + kTogether <= rows; r += kTogether)
        multiply<kPlanes, kTogether>(
                x, levels + r * size, tables + r * kPlanes * 16, d, products + r);
    for (; r < rows; ++r)
        multiply<kPlanes, 1>(x, levels + r * size, tables + r * kPlanes * 16, d, products + r);
}

void level_products(
        const float* x, const uint8_t* levels, size_t planes, const float* tables, size_t rows,
        size_t d, float* products) {
    if (planes == 1) multiply_rows<1>(x, levels, tables, rows, d, products);
    if (planes == 2) multiply_rows<2>(x, levels, tables, rows, d, products);
    if (planes == 3) multiply_rows<3>(x, levels, tables, rows, d, products);
    if (planes == 4) multiply_rows<4>(x, levels, tables, rows, d, products);
}

void expand_levels(
        const uint8_t* levels, size_t planes, const float* tables, size_t d, float* row) {
    if (planes == 1) expand<1>(levels, tables, d, row);
    if (planes == 2) expand<2>(levels, tables, d, row);
    if (planes == 3) expand<3>(levels, tables, d, row);
    if (planes == 4) expand<4>(levels, tables, d, row);
    const Floats df;
    size_t j = d / hn::Lanes(df) * hn::Lanes(df);
    if (j < d) {
        const auto entries = hn::FirstN(df, d - j);
        hn::StoreU(hn::IfThenElseZero(entries, hn::LoadU(df, row + j)), df, row + j);
        j += hn::Lanes(df);
    }
    for (; j < 2 * level_bytes(d); j += hn::Lanes(df)) hn::StoreU(hn::Zero(df), df, row + j);
}

} // namespace bqq::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bqq::kernels {

HWY_EXPORT(expand_levels);
HWY_EXPORT(level_products);

void expand_levels(
        const uint8_t* levels, size_t planes, const float* tables, size_t d, float* row) {
    assert(planes >= 1 && planes <= 4);
    HWY_DYNAMIC_DISPATCH(expand_levels)(levels, planes, tables, d, row);
}

void level_products(
        const float* x, const uint8_t* levels, size_t planes, const float* tables, size_t rows,
        size_t d, float* products) {
    assert(planes >= 1 && planes <= 4);
    HWY_DYNAMIC_DISPATCH(level_products)(x, levels, planes, tables, rows, d, products);
}

} // namespace bqq::kernels
#endif
