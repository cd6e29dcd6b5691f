#include "kernels/scan.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/scan.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/partial_sums-inl.h"

HWY_BEFORE_NAMESPACE();
namespace bqq::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::CappedTag<float, 16>;
using Ints = hn::RebindToSigned<Floats>;

// Two versions of each of these:
//
// bounds_of_block: the bounds of the codes of a block, written for kStore. Returns whether there
// may be survivors. `scales` are the bytes that follow the codes.
//
// survivors_of: bit i: bound i of a block is at most the threshold, or code i is far: its bound
// becomes -infinity.

#if HWY_TARGET == HWY_SCALAR

int score_of(const ScanTables& t, const uint8_t* code, size_t width) {
    const uint8_t* table = t.tables;
    int score = 0;
    for (size_t j = 0; j < t.code_bytes(); ++j) {
        const size_t low = code[j * width] & 15;
        const size_t high = code[j * width] >> 4;
        score += table[low] + table[16 + high];
        if (j < t.wide_bytes) score += 128 * (table[32 + low] + table[48 + high]);
        table += j < t.wide_bytes ? 64 : 32;
    }
    return score;
}

void block_scores(const ScanTables& tables, const uint8_t* block, size_t width, uint16_t* scores) {
    for (size_t i = 0; i < width; ++i)
        scores[i] = static_cast<uint16_t>(score_of(tables, block + i, width));
}

template <bool kNorm, bool kStore>
bool bounds_of_block(
        const ScanTables& tables, const ScanFilter& f, const uint8_t* block, const uint8_t* scales,
        size_t width, float threshold, float* bounds) {
    bool any = false;
    for (size_t i = 0; i < width; ++i) {
        const int32_t bits = f.alpha_step * scales[i] + f.alpha_first;
        const float alpha = scales[i] == 0 ? 0 : std::bit_cast<float>(bits);
        const auto score = static_cast<float>(score_of(tables, block + i, width));
        float bound = -alpha * (f.slope * score + f.offset);
        if (kNorm) {
            const auto norm = static_cast<float>(scales[width + i] | scales[2 * width + i] << 8);
            const float root = f.norm_first + f.norm_step * norm;
            bound += root * std::fabs(root);
        }
        any |= bound <= threshold || scales[i] > f.last_near;
        if (kStore) bounds[i] = bound;
    }
    return any;
}

uint64_t survivors_of(
        const ScanFilter& f, const uint8_t* scales, size_t width, float threshold, float* bounds) {
    uint64_t survivors = 0;
    for (size_t i = 0; i < width; ++i) {
        if (scales[i] > f.last_near) bounds[i] = -std::numeric_limits<float>::infinity();
        survivors |= uint64_t{bounds[i] <= threshold} << i;
    }
    return survivors;
}

#else

using Bytes = hn::CappedTag<uint8_t, kBlock>;
using Words = hn::Repartition<uint16_t, Bytes>;

HWY_INLINE hn::Vec<Bytes> look_up(const uint8_t* table, hn::Vec<Bytes> nibbles) {
    return hn::TableLookupBytes(hn::LoadDup128(Bytes(), table), nibbles);
}

/// The nibbles of a byte of each code.
struct Nibbles {
    hn::Vec<Bytes> low, high;

    HWY_INLINE explicit Nibbles(const uint8_t* code) {
        const Bytes db;
        const auto mask = hn::Set(db, 0x0f);
        const auto c = hn::LoadU(db, code);
        low = hn::And(c, mask);
        high = hn::And(hn::BitCast(db, hn::ShiftRight<4>(hn::BitCast(Words(), c))), mask);
    }
    HWY_INLINE hn::Vec<Bytes> sum(const uint8_t* tables) const {
        return hn::Add(look_up(tables, low), look_up(tables + 16, high));
    }
};

/// Scores of a vector of codes, the even ones and the odd ones.
struct Scores {
    hn::Vec<Words> even, odd;

    /// @param code  the first of the codes' bytes; the next ones are `width` bytes further
    HWY_INLINE Scores(const ScanTables& t, const uint8_t* code, size_t width) {
        const Words dw;
        const uint8_t* table = t.tables;
        auto words = hn::Zero(dw); // whole words and their high bytes: an add costs no unpacking
        auto high_bytes = hn::Zero(dw);
        const auto add = [&](hn::Vec<Bytes> sums) HWY_ATTR {
            const auto w = hn::BitCast(dw, sums);
            words = hn::Add(words, w);
            high_bytes = hn::Add(high_bytes, hn::ShiftRight<8>(w));
        };
        auto digits = hn::Zero(Bytes());
        for (size_t i = 0; i < t.wide_bytes; ++i, code += width, table += 64) {
            const Nibbles nibbles(code);
            add(nibbles.sum(table));
            digits = hn::Add(digits, nibbles.sum(table + 32));
        }
        for (size_t i = 0; i < t.single_bytes; ++i, code += width, table += 32)
            add(Nibbles(code).sum(table));
        const auto pair = [&]() HWY_ATTR {
            const auto first = Nibbles(code).sum(table);
            const auto second = Nibbles(code + width).sum(table + 32);
            code += 2 * width;
            table += 64;
            return hn::Add(first, second);
        };
        for (size_t i = 0; i < t.pairs; ++i) add(pair());
        for (size_t i = 0; i < t.quads; ++i) {
            const auto first = pair();
            add(hn::Add(first, pair()));
        }
        const auto high = hn::BitCast(dw, digits);
        even =
                hn::Add(hn::Sub(words, hn::ShiftLeft<8>(high_bytes)),
                        hn::ShiftLeft<7>(hn::And(high, hn::Set(dw, 0xff))));
        odd = hn::Add(high_bytes, hn::ShiftLeft<7>(hn::ShiftRight<8>(high)));
    }
    HWY_INLINE void store(uint16_t* scores) const {
        hn::StoreInterleaved2(even, odd, Words(), scores);
    }
};

void block_scores(const ScanTables& tables, const uint8_t* block, size_t width, uint16_t* scores) {
    for (size_t v = 0; v < width; v += hn::Lanes(Bytes()))
        Scores(tables, block + v, width).store(scores + v);
}

/// Numbers of the first and the second half of a vector's even codes, then of its odd ones.
using Quarters = hn::Vec<Floats>[4];

/// Of the words of the even codes and of the odd ones.
HWY_INLINE hn::Vec<Ints> quarter(hn::Vec<Words> even, hn::Vec<Words> odd, int i) {
    const auto words = i < 2 ? even : odd;
    return hn::PromoteTo(
            Ints(), i % 2 == 0 ? hn::LowerHalf(words) : hn::UpperHalf(hn::Half<Words>(), words));
}

HWY_INLINE hn::Mask<Bytes> far_codes(const ScanFilter& f, const uint8_t* scales) {
    return hn::Gt(hn::LoadU(Bytes(), scales), hn::Set(Bytes(), f.last_near));
}

/// Bounds of a vector of codes. @param scales  of the first of the codes
template <bool kNorm>
HWY_INLINE void bounds_of(
        const ScanFilter& f, const Scores& scores, const uint8_t* scales, size_t width,
        Quarters& bounds) {
    const Floats df;
    const Ints di;
    const Words dw;
    const auto low_half = hn::Set(dw, 0xff);
    const auto alphas = hn::BitCast(dw, hn::LoadU(Bytes(), scales));
    const auto even_alpha = hn::And(alphas, low_half);
    const auto odd_alpha = hn::ShiftRight<8>(alphas);
    for (int i = 0; i < 4; ++i) {
        const auto byte = quarter(even_alpha, odd_alpha, i);
        const auto bits =
                hn::Add(hn::Mul(byte, hn::Set(di, f.alpha_step)), hn::Set(di, f.alpha_first));
        const auto alpha = hn::IfThenElseZero(
                hn::RebindMask(df, hn::Gt(byte, hn::Zero(di))), hn::BitCast(df, bits));
        const auto score = hn::ConvertTo(df, quarter(scores.even, scores.odd, i));
        const auto dot = hn::MulAdd(score, hn::Set(df, f.slope), hn::Set(df, f.offset));
        bounds[i] = hn::Mul(hn::Neg(alpha), dot);
    }
    if (!kNorm) return;
    const auto low = hn::BitCast(dw, hn::LoadU(Bytes(), scales + width));
    const auto high = hn::BitCast(dw, hn::LoadU(Bytes(), scales + 2 * width));
    const auto even = hn::Or(hn::And(low, low_half), hn::ShiftLeft<8>(high));
    const auto odd = hn::Or(hn::ShiftRight<8>(low), hn::AndNot(low_half, high));
    for (int i = 0; i < 4; ++i) {
        const auto root = hn::MulAdd(
                hn::ConvertTo(df, quarter(even, odd, i)), hn::Set(df, f.norm_step),
                hn::Set(df, f.norm_first));
        bounds[i] = hn::MulAdd(root, hn::Abs(root), bounds[i]);
    }
}

template <bool kNorm, bool kStore>
HWY_INLINE bool bounds_of_block(
        const ScanTables& tables, const ScanFilter& f, const uint8_t* block, const uint8_t* scales,
        size_t width, float threshold, float* bounds) {
    const Floats df;
    bool any = false;
    for (size_t v = 0; v < width; v += hn::Lanes(Bytes())) {
        Quarters of;
        bounds_of<kNorm>(f, Scores(tables, block + v, width), scales + v, width, of);
        const auto least = hn::Min(hn::Min(of[0], of[1]), hn::Min(of[2], of[3]));
        any |= !hn::AllFalse(df, hn::Le(least, hn::Set(df, threshold))) ||
               !hn::AllFalse(Bytes(), far_codes(f, scales + v));
        if (!kStore) continue;
        hn::StoreInterleaved2(of[0], of[2], df, bounds + v);
        hn::StoreInterleaved2(of[1], of[3], df, bounds + v + 2 * hn::Lanes(df));
    }
    return any;
}

HWY_INLINE uint64_t survivors_of(
        const ScanFilter& f, const uint8_t* scales, size_t width, float threshold, float* bounds) {
    const Floats df;
    uint64_t survivors = 0;
    for (size_t v = 0; v < width; v += hn::Lanes(df)) {
        uint8_t bits[8] = {};
        hn::StoreMaskBits(df, hn::Le(hn::LoadU(df, bounds + v), hn::Set(df, threshold)), bits);
        survivors |= (uint64_t{bits[0]} | uint64_t{bits[1]} << 8) << v;
    }
    uint64_t far = 0;
    for (size_t v = 0; v < width; v += hn::Lanes(Bytes())) {
        uint8_t bits[8] = {};
        hn::StoreMaskBits(Bytes(), far_codes(f, scales + v), bits);
        uint64_t part = 0;
        std::memcpy(&part, bits, sizeof part);
        far |= part << v;
    }
    const uint64_t all = ~uint64_t{0} >> (kBlock - width);
    for (uint64_t rest = far & all; rest != 0; rest &= rest - 1)
        bounds[std::countr_zero(rest)] = -std::numeric_limits<float>::infinity();
    return (survivors | far) & all;
}

#endif // HWY_TARGET == HWY_SCALAR

/// The bytes that follow the code of the first code of block b.
const uint8_t* scales_of(const ScanFilter& f, const InterleavedCodes& codes, size_t b) {
    const size_t code_bytes = codes.code_size - (f.has_norm ? 3 : 1);
    return codes.block(b) + code_bytes * codes.width(b);
}

template <bool kNorm>
size_t next_survivors_of(
        const ScanTables& t, const ScanFilter& f, const InterleavedCodes& codes, size_t begin,
        size_t end, float threshold, uint64_t* survivors, float* bounds) {
    for (size_t b = begin; b < end; ++b) {
        const size_t width = codes.width(b);
        const uint8_t* scales = scales_of(f, codes, b);
        if (!bounds_of_block<kNorm, true>(t, f, codes.block(b), scales, width, threshold, bounds))
            continue;
        *survivors = survivors_of(f, scales, width, threshold, bounds);
        if (*survivors != 0) return b;
    }
    return end;
}

template <bool kNorm>
size_t blocks_within_of(
        const ScanTables& t, const ScanFilter& f, const InterleavedCodes& codes, size_t begin,
        size_t end, float threshold, size_t* blocks) {
    size_t count = 0;
    for (size_t b = begin; b < end; ++b) {
        blocks[count] = b;
        const bool within = bounds_of_block<kNorm, false>(
                t, f, codes.block(b), scales_of(f, codes, b), codes.width(b), threshold, nullptr);
        count += within ? 1 : 0;
    }
    return count;
}

float masked_sum(const float* weights, size_t code_bytes, const uint8_t* code, size_t stride) {
    const PartTag df;
    const hn::RebindToSigned<PartTag> di;
    const auto bit = hn::Shl(hn::Set(di, 1), hn::Iota(di, 0));
    Part sums[kParts];
    clear(sums);
    // Two bytes are as many signs as there are partial sums.
    for (size_t j = 0; j < code_bytes; j += 2) {
        const int bits = code[j * stride] | code[(j + 1) * stride] << 8;
        for (size_t p = 0; p < kParts; ++p) {
            const auto signs = hn::Set(di, bits >> (p * kPartLanes));
            const auto mask = hn::RebindMask(df, hn::TestBit(signs, bit));
            const Part w = hn::Load(df, weights + 8 * j + p * kPartLanes);
            sums[p] = hn::Add(sums[p], hn::IfThenElseZero(mask, w));
        }
    }
    return fold_parts(sums);
}

size_t next_survivors(
        const ScanTables& t, const ScanFilter& f, const InterleavedCodes& codes, size_t begin,
        size_t end, float threshold, uint64_t* survivors, float* bounds) {
    return f.has_norm
                   ? next_survivors_of<true>(t, f, codes, begin, end, threshold, survivors, bounds)
                   : next_survivors_of<false>(
                             t, f, codes, begin, end, threshold, survivors, bounds);
}

size_t blocks_within(
        const ScanTables& t, const ScanFilter& f, const InterleavedCodes& codes, size_t begin,
        size_t end, float threshold, size_t* blocks) {
    return f.has_norm ? blocks_within_of<true>(t, f, codes, begin, end, threshold, blocks)
                      : blocks_within_of<false>(t, f, codes, begin, end, threshold, blocks);
}

} // namespace bqq::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bqq::kernels {

HWY_EXPORT(block_scores);
HWY_EXPORT(next_survivors);
HWY_EXPORT(blocks_within);
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

size_t blocks_within(
        const ScanTables& tables, const ScanFilter& filter, const InterleavedCodes& codes,
        size_t begin, size_t end, float threshold, size_t* blocks) {
    return HWY_DYNAMIC_DISPATCH(blocks_within)(
            tables, filter, codes, begin, end, threshold, blocks);
}

float masked_sum(const float* weights, size_t code_bytes, const uint8_t* code, size_t stride) {
    return HWY_DYNAMIC_DISPATCH(masked_sum)(weights, code_bytes, code, stride);
}

} // namespace bqq::kernels
#endif
