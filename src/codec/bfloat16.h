#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace bqq {

/// The nearest number of sixteen bits (bfloat16: eight of them the mantissa's, the first implied).
inline float to_bfloat16(float x) {
    constexpr uint32_t kHigh = 0xffff'0000;
    const auto bits = std::bit_cast<uint32_t>(x);
    const auto rounded = std::bit_cast<float>((bits + 0x8000) & kHigh);
    return std::isfinite(rounded) ? rounded : std::bit_cast<float>(bits & kHigh);
}

/// Whether sixteen bits hold each of the n numbers.
inline bool are_bfloat16(const float* x, size_t n) {
    for (size_t i = 0; i < n; ++i)
        if ((std::bit_cast<uint32_t>(x[i]) & 0xffff) != 0) return false;
    return true;
}

/// Rounds n numbers if that changes them by a vector of at most this squared length.
inline void round_to_bfloat16(float* x, size_t n, double most) {
    double error = 0;
    for (size_t i = 0; i < n; ++i) {
        const double change = static_cast<double>(to_bfloat16(x[i])) - static_cast<double>(x[i]);
        error += change * change;
    }
    for (size_t i = 0; i < n && error <= most; ++i) x[i] = to_bfloat16(x[i]);
}

inline uint16_t bfloat16_bits(float x) {
    return static_cast<uint16_t>(std::bit_cast<uint32_t>(x) >> 16);
}
inline float from_bfloat16_bits(uint16_t bits) {
    return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

} // namespace bqq
