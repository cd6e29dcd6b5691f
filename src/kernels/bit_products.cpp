#include "kernels/bit_products.h"

#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/bit_products.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/partial_sums-inl.h"

HWY_BEFORE_NAMESPACE();
namespace bqq::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Tag = PartTag;

/// The lanes whose bits are the lowest ones of word.
HWY_INLINE hn::Mask<Tag> mask_of(uint64_t word) {
    uint8_t bytes[8]; // LoadMaskBits may read all eight
    std::memcpy(bytes, &word, sizeof bytes);
    return hn::LoadMaskBits(Tag(), bytes);
}

/// v, with x added in the lanes of the mask: one instruction of AVX-512.
HWY_INLINE hn::Vec<Tag> masked_add(hn::Mask<Tag> mask, hn::Vec<Tag> v, hn::Vec<Tag> x) {
    return hn::IfThenElse(mask, hn::Add(v, x), v);
}

/// R rows at a time share the loads of x, and their sums over the lanes do not wait for each other.
template <size_t R>
HWY_INLINE void masked_sums_of(const BitRows& rows, size_t k, const float* x, float* sums) {
    const Tag df;
    Part totals[R][kParts];
    for (auto& total : totals) clear(total);
    for (size_t w = 0; w < rows.words; ++w) {
        uint64_t word[R];
        for (size_t r = 0; r < R; ++r) word[r] = rows.bits[(k + r) * rows.words + w];
        for (size_t j = 0; j < 64; j += kPad)
            for (size_t p = 0; p < kParts; ++p) {
                const size_t first = j + p * kPartLanes;
                const Part values = hn::LoadU(df, x + w * 64 + first);
                for (size_t r = 0; r < R; ++r)
                    totals[r][p] = masked_add(mask_of(word[r] >> first), totals[r][p], values);
            }
    }
    for (size_t r = 0; r < R; ++r) sums[k + r] = fold_parts(totals[r]);
}

void masked_sums(const BitRows& rows, const float* x, float* sums) {
    size_t k = 0;
    for (; k + 8 <= rows.l; k += 8) masked_sums_of<8>(rows, k, x, sums);
    for (; k < rows.l; ++k) masked_sums_of<1>(rows, k, x, sums);
}

void add_masked(const BitRows& rows, const float* weights, float* to) {
    const Tag df;
    const size_t lanes = hn::Lanes(df);
    using V = hn::Vec<Tag>;
    // So many additions have to be under way at once that none waits for the one before it.
    constexpr size_t kVectors = 4;
    for (size_t w = 0; w < rows.words; ++w) {
        for (size_t j = 0; j < 64; j += kVectors * lanes) {
            float* at = to + w * 64 + j;
            V sum[kVectors];
            for (size_t v = 0; v < kVectors; ++v) sum[v] = hn::LoadU(df, at + v * lanes);
            for (size_t k = 0; k < rows.l; ++k) {
                const uint64_t word = rows.bits[k * rows.words + w] >> j;
                const V weight = hn::Set(df, weights[k]);
                for (size_t v = 0; v < kVectors; ++v)
                    sum[v] = masked_add(mask_of(word >> (v * lanes)), sum[v], weight);
            }
            for (size_t v = 0; v < kVectors; ++v) hn::StoreU(sum[v], df, at + v * lanes);
        }
    }
}

} // namespace bqq::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bqq::kernels {

HWY_EXPORT(masked_sums);
HWY_EXPORT(add_masked);

void masked_sums(const BitRows& rows, const float* x, float* sums) {
    HWY_DYNAMIC_DISPATCH(masked_sums)(rows, x, sums);
}

void add_masked(const BitRows& rows, const float* weights, float* to) {
    HWY_DYNAMIC_DISPATCH(add_masked)(rows, weights, to);
}

} // namespace bqq::kernels
#endif
