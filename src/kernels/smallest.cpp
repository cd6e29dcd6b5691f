#include "kernels/smallest.h"

#include <algorithm>
#include <bit>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/smallest.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace bqq::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::CappedTag<float, 16>; // kPad
using Words = hn::RebindToUnsigned<Floats>;

HWY_INLINE uint64_t to_found(uint32_t ordered, uint32_t place) {
    return uint64_t{ordered} << 32 | place;
}

void least_of_groups(const float* keys, size_t n, size_t groups, float* least) {
    const Floats df;
    const size_t lanes = hn::Lanes(df);
    std::fill_n(least, groups, std::numeric_limits<float>::infinity());
    for (size_t i = 0; i < n; i += groups) {
        const size_t count = std::min(groups, n - i);
        size_t g = 0;
        for (; g + lanes <= count; g += lanes) {
            const auto key = hn::LoadU(df, keys + i + g);
            const auto old = hn::LoadU(df, least + g);
            hn::StoreU(hn::IfThenElse(hn::Lt(key, old), key, old), df, least + g);
        }
        for (; g < count; ++g)
            if (keys[i + g] < least[g]) least[g] = keys[i + g];
    }
}

size_t keys_up_to(const float* keys, size_t n, float bound, uint64_t* found) {
    const Floats df;
    const Words dw;
    const hn::RebindToSigned<Words> di;
    const size_t lanes = hn::Lanes(df);
    const auto sign = hn::Set(dw, 0x8000'0000u);
    size_t size = 0;
    size_t i = 0;
    for (; i + lanes <= n; i += lanes) {
        const auto key = hn::LoadU(df, keys + i);
        const auto is_found = hn::Le(key, hn::Set(df, bound));
        if (hn::AllFalse(df, is_found)) continue;
        const auto bits = hn::BitCast(dw, key);
        const auto negative = hn::BroadcastSignBit(hn::BitCast(di, bits));
        const auto ordered = hn::Xor(bits, hn::Or(hn::BitCast(dw, negative), sign));
        alignas(64) uint32_t words[16];
        alignas(64) uint32_t places[16];
        const auto mask = hn::RebindMask(dw, is_found);
        const size_t count = hn::CompressStore(ordered, mask, dw, words);
        hn::CompressStore(hn::Iota(dw, static_cast<uint32_t>(i)), mask, dw, places);
        for (size_t j = 0; j < count; ++j) found[size++] = to_found(words[j], places[j]);
    }
    for (; i < n; ++i)
        if (keys[i] <= bound) {
            const auto bits = std::bit_cast<uint32_t>(keys[i]);
            found[size++] = to_found(
                    bits >> 31 != 0 ? ~bits : bits | 0x8000'0000u, static_cast<uint32_t>(i));
        }
    return size;
}

} // namespace bqq::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bqq::kernels {

HWY_EXPORT(least_of_groups);
HWY_EXPORT(keys_up_to);

void least_of_groups(const float* keys, size_t n, size_t groups, float* least) {
    HWY_DYNAMIC_DISPATCH(least_of_groups)(keys, n, groups, least);
}

size_t keys_up_to(const float* keys, size_t n, float bound, uint64_t* found) {
    return HWY_DYNAMIC_DISPATCH(keys_up_to)(keys, n, bound, found);
}

} // namespace bqq::kernels
#endif
