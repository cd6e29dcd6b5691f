#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace bqq::kernels {

/// The least of the keys of each group, key i being in group i % groups; infinity where there is
/// none. Keys that are not numbers are left out. @param groups  a multiple of kPad @param least
/// output, size groups
void least_of_groups(const float* keys, size_t n, size_t groups, float* least);

/** Keys up to a bound, those that are not numbers left out.
 * @param found  output, size n: keys with their places in the upper and the lower half, so that
 * these words are in the order of the keys
 * @return  how many
 */
size_t keys_up_to(const float* keys, size_t n, float bound, uint64_t* found);

inline size_t place_of(uint64_t found) {
    return static_cast<uint32_t>(found);
}
inline float key_of(uint64_t found) {
    const auto ordered = static_cast<uint32_t>(found >> 32);
    return std::bit_cast<float>(ordered ^ (ordered >> 31 != 0 ? 0x8000'0000u : 0xffff'ffffu));
}

} // namespace bqq::kernels
