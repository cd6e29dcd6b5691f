#include "kernels/scan.h"

#include <bit>
#include <cstring>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/scan.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace bqq::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET == HWY_SCALAR

HWY_INLINE void block_scores_inline(
        const ScanTables& t, const uint8_t* block, size_t width, uint16_t* scores) {
    for (size_t i = 0; i < width; ++i) {
        const uint8_t* table = t.tables;
        int score = 0;
        for (size_t j = 0; j < t.code_bytes; ++j) {
            const uint8_t code = block[j * width + i];
            const size_t lo = code & 15;
            const size_t hi = code >> 4;
            score += table[lo] + table[16 + hi];
            if (j < t.wide_bytes) score += 128 * (table[32 + lo] + table[48 + hi]);
            table += j < t.wide_bytes ? 64 : 32;
        }
        scores[i] = static_cast<uint16_t>(score);
    }
}

#else

using Bytes = hn::CappedTag<uint8_t, kBlock>;
using Words = hn::Repartition<uint16_t, Bytes>;

/// Sums of bytes in 16 bits: whole words and their high bytes apart, so that an add costs no
/// unpacking.
struct WideSum {
    hn::Vec<Words> words;
    hn::Vec<Words> odd;

    HWY_INLINE WideSum() : words(hn::Zero(Words())), odd(hn::Zero(Words())) {}
    HWY_INLINE void add(hn::Vec<Bytes> bytes) {
        const auto w = hn::BitCast(Words(), bytes);
        words = hn::Add(words, w);
        odd = hn::Add(odd, hn::ShiftRight<8>(w));
    }
    HWY_INLINE void store(hn::Vec<Bytes> high_digits, uint16_t* scores) const {
        const Words dw;
        const auto even = hn::Sub(words, hn::ShiftLeft<8>(odd));
        const auto high = hn::BitCast(dw, high_digits);
        const auto high_even = hn::And(high, hn::Set(dw, 0xff));
        const auto high_odd = hn::ShiftRight<8>(high);
        hn::StoreInterleaved2(
                hn::Add(even, hn::ShiftLeft<7>(high_even)),
                hn::Add(odd, hn::ShiftLeft<7>(high_odd)), dw, scores);
    }
};

HWY_INLINE hn::Vec<Bytes> look_up(const uint8_t* table, hn::Vec<Bytes> nibbles) {
    return hn::TableLookupBytes(hn::LoadDup128(Bytes(), table), nibbles);
}

HWY_INLINE void block_scores_inline(
        const ScanTables& t, const uint8_t* block, size_t width, uint16_t* scores) {
    const Bytes db;
    const auto nibble = hn::Set(db, 0x0f);
    for (size_t v = 0; v < width; v += hn::Lanes(db)) {
        const uint8_t* table = t.tables;
        const uint8_t* code = block + v;
        WideSum sum;
        auto high = hn::Zero(db);
        size_t j = 0;
        for (; j < t.wide_bytes; ++j, code += width, table += 64) {
            const auto c = hn::LoadU(db, code);
            const auto lo = hn::And(c, nibble);
            const auto hi =
                    hn::And(hn::BitCast(db, hn::ShiftRight<4>(hn::BitCast(Words(), c))), nibble);
            sum.add(hn::Add(look_up(table, lo), look_up(table + 16, hi)));
            high = hn::Add(high, hn::Add(look_up(table + 32, lo), look_up(table + 48, hi)));
        }
        for (const uint16_t end : t.groups) {
            auto group = hn::Zero(db);
            for (; j < end; ++j, code += width, table += 32) {
                const auto c = hn::LoadU(db, code);
                const auto lo = hn::And(c, nibble);
                const auto hi = hn::And(
                        hn::BitCast(db, hn::ShiftRight<4>(hn::BitCast(Words(), c))), nibble);
                group = hn::Add(group, hn::Add(look_up(table, lo), look_up(table + 16, hi)));
            }
            sum.add(group);
        }
        sum.store(high, scores + v);
    }
}

#endif // HWY_TARGET == HWY_SCALAR

using Floats = hn::CappedTag<float, 16>;

void block_scores(const ScanTables& tables, const uint8_t* block, size_t width, uint16_t* scores) {
    block_scores_inline(tables, block, width, scores);
}

using Ints = hn::Rebind<int32_t, Floats>;

HWY_INLINE hn::Vec<Ints> load_bytes(const uint8_t* from) {
    return hn::PromoteTo(Ints(), hn::LoadU(hn::Rebind<uint8_t, Floats>(), from));
}

/// Bit i: byte i of the `width` is above the limit.
HWY_INLINE uint64_t bytes_above(uint8_t limit, const uint8_t* bytes, size_t width) {
    const hn::CappedTag<uint8_t, kBlock> db;
    uint64_t above = 0;
    for (size_t v = 0; v < width; v += hn::Lanes(db)) {
        uint8_t bits[8] = {};
        hn::StoreMaskBits(db, hn::Gt(hn::LoadU(db, bytes + v), hn::Set(db, limit)), bits);
        uint64_t part = 0;
        std::memcpy(&part, bits, sizeof part);
        above |= part << v;
    }
    return above & (~uint64_t{0} >> (kBlock - width));
}

template <bool kNorm>
HWY_INLINE uint64_t within_threshold(
        const ScanFilter& f, const uint16_t* scores, const uint8_t* scales, size_t width,
        float threshold, float* bounds) {
    const Floats df;
    const Ints di;
    uint64_t survivors = 0;
    for (size_t v = 0; v < width; v += hn::Lanes(df)) {
        const auto step = load_bytes(scales + v);
        const auto alpha_bits =
                hn::Add(hn::Mul(step, hn::Set(di, f.alpha_step)), hn::Set(di, f.alpha_first));
        const auto alpha = hn::IfThenElseZero(
                hn::RebindMask(df, hn::Gt(step, hn::Zero(di))), hn::BitCast(df, alpha_bits));
        const auto score = hn::ConvertTo(
                df, hn::PromoteTo(di, hn::LoadU(hn::Rebind<uint16_t, Floats>(), scores + v)));
        const auto dot = hn::MulAdd(score, hn::Set(df, f.slope), hn::Set(df, f.offset));
        auto key = hn::Neg(hn::Mul(alpha, dot));
        if (kNorm) {
            const auto low = load_bytes(scales + width + v);
            const auto high = load_bytes(scales + 2 * width + v);
            const auto norm = hn::ConvertTo(df, hn::Add(low, hn::ShiftLeft<8>(high)));
            const auto r = hn::MulAdd(norm, hn::Set(df, f.norm_step), hn::Set(df, f.norm_first));
            key = hn::MulAdd(r, hn::Abs(r), key);
        }
        hn::StoreU(key, df, bounds + v);
        uint8_t bits[8] = {};
        hn::StoreMaskBits(df, hn::Le(key, hn::Set(df, threshold)), bits);
        survivors |= (uint64_t{bits[0]} | uint64_t{bits[1]} << 8) << v;
    }
    const uint64_t far = bytes_above(f.last_near, scales, width);
    for (uint64_t rest = far; rest != 0; rest &= rest - 1)
        bounds[std::countr_zero(rest)] = -std::numeric_limits<float>::infinity();
    return (survivors & (~uint64_t{0} >> (kBlock - width))) | far;
}

template <bool kNorm>
size_t next_survivors_of(
        const ScanTables& t, const ScanFilter& f, const InterleavedCodes& codes, size_t begin,
        size_t end, float threshold, uint64_t* survivors, float* bounds) {
    alignas(64) uint16_t scores[kBlock];
    for (size_t b = begin; b < end; ++b) {
        const uint8_t* block = codes.block(b);
        const size_t width = codes.width(b);
        block_scores_inline(t, block, width, scores);
        *survivors = within_threshold<kNorm>(
                f, scores, block + t.code_bytes * width, width, threshold, bounds);
        if (*survivors != 0) return b;
    }
    return end;
}

float masked_sum(const float* weights, size_t code_bytes, const uint8_t* code, size_t stride) {
    const Floats df;
    const Ints di;
    const size_t lanes = hn::Lanes(df);
    const auto bit = hn::Shl(hn::Set(di, 1), hn::Iota(di, 0));
    auto sum = hn::Zero(df);
    const auto add = [&](int bits, const float* w) HWY_ATTR {
        const auto mask = hn::RebindMask(df, hn::TestBit(hn::Set(di, bits), bit));
        sum = hn::Add(sum, hn::IfThenElseZero(mask, hn::Load(df, w)));
    };
    if (lanes == 16) {
        for (size_t j = 0; j < code_bytes; j += 2)
            add(code[j * stride] | code[(j + 1) * stride] << 8, weights + 8 * j);
    } else {
        for (size_t j = 0; j < code_bytes; ++j)
            for (size_t b = 0; b < 8; b += lanes) add(code[j * stride] >> b, weights + 8 * j + b);
    }
    return hn::GetLane(hn::SumOfLanes(df, sum));
}

size_t next_survivors(
        const ScanTables& t, const ScanFilter& f, const InterleavedCodes& codes, size_t begin,
        size_t end, float threshold, uint64_t* survivors, float* bounds) {
    return f.has_norm
                   ? next_survivors_of<true>(t, f, codes, begin, end, threshold, survivors, bounds)
                   : next_survivors_of<false>(
                             t, f, codes, begin, end, threshold, survivors, bounds);
}

} // namespace bqq::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bqq::kernels {

HWY_EXPORT(block_scores);
HWY_EXPORT(next_survivors);
HWY_EXPORT(masked_sum);

void block_scores(const ScanTables& tables, const uint8_t* block, size_t width, uint16_t* scores) {
    HWY_DYNAMIC_DISPATCH(block_scores)(tables, block, width, scores);
}

size_t next_survivors(
        const ScanTables& tables, const ScanFilter& filter, const InterleavedCodes& codes,
        size_t begin, size_t end, float threshold, uint64_t* survivors, float* bounds) {
    return HWY_DYNAMIC_DISPATCH(next_survivors)(
            tables, filter, codes, begin, end, threshold, survivors, bounds);
}

float masked_sum(const float* weights, size_t code_bytes, const uint8_t* code, size_t stride) {
    return HWY_DYNAMIC_DISPATCH(masked_sum)(weights, code_bytes, code, stride);
}

} // namespace bqq::kernels
#endif
