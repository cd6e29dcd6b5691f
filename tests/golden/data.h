#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace bqq::test::golden {

inline constexpr int kDimension = 8, kTrained = 300, kVectors = 60, kQueries = 5, kK = 5,
                     kDecoded = 3;

/// Numbers between -1 and 1, the same everywhere; of vectors around a mean where `mean` is not 0.
inline std::vector<float> numbers(size_t n, uint32_t seed, float mean = 0) {
    std::vector<float> x(n);
    uint32_t state = seed;
    for (float& value : x) {
        state = state * 1664525u + 1013904223u;
        value = mean + static_cast<float>(static_cast<int32_t>(state >> 8) - (1 << 23)) / (1 << 23);
    }
    return x;
}

} // namespace bqq::test::golden
