#pragma once

#include "baselines/approximation.h"

#include <cstdint>
#include <span>
#include <vector>

namespace bqq::bench {

/// 2^bits levels low, low + step, ... with the clipping range of least squared error.
struct UniformQuantizer {
    double low = 0;
    double step = 0;
    int bits = 0; ///< 1 to 8

    static constexpr size_t parameter_bytes = 2 * sizeof(float);

    /// The best of 100 clipping ranges, each improved by least squares until it no longer changes.
    static UniformQuantizer fit(std::span<const float> values, int bits);

    uint8_t code(float value) const;
    std::vector<uint8_t> codes(std::span<const float> values) const;
    float decode(uint8_t code) const { return static_cast<float>(low + step * code); }
    /// Each value replaced by its level.
    std::vector<float> quantized(std::span<const float> values) const;
};

/// `bits` bits an entry, one range for the whole matrix. @param bits  1 to 8
Approximation uniform(const Matrix<float>& X, int bits);

} // namespace bqq::bench
