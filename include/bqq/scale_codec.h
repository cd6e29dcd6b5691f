#pragma once

#include <bqq/metric.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace bqq {

/// What is stored of a vector beside its signs, in units of the basis.
struct StoredScales {
    float alpha; ///< length of the reconstruction along B^T s
    float nu;    ///< L2: squared norm as used in the score (0 for inner product)
};

/** Stores alpha in one byte and, for L2, nu in two.
 *
 * L2: sqrt(nu) is linear in 16 bits up to four times the training set's largest (a vector farther out is
 * clamped), and alpha is kept as the ratio alpha / sqrt(nu), so that its byte has the same relative
 * precision for all norms. Inner product: alpha itself is linear in 8 bits.
 */
struct ScaleCodec {
    Metric metric = Metric::l2;
    float gain_min = 0;  ///< alpha / sqrt(nu) (L2) or alpha (inner product) of byte 0
    float gain_step = 0; ///< ... and what one step of the byte adds
    float norm_step = 0; ///< L2: sqrt(nu) of one step of the two bytes
    /// Correction, chosen on the training set, of the bias that near neighbours look too far:
    /// L2: nu = |x|^2 - 2 calibration * |x - alpha B^T s|^2; inner product: alpha grows by cos^(-2 calibration).
    float calibration = 0;

    bool operator==(const ScaleCodec&) const = default;

    /// bytes a vector: 3 for L2, 1 for inner product
    size_t size() const { return metric == Metric::l2 ? 3 : 1; }

    /// Applies the calibration: dot = <x, B^T s>, xhat2 = |B^T s|^2, x2 = |x|^2.
    StoredScales calibrate(double dot, double xhat2, double x2) const;

    /// Writes size() bytes.
    void encode(const StoredScales& scales, uint8_t* bytes) const;

    /// gain_min + gain_step * byte
    StoredScales decode(const uint8_t* bytes) const {
        const float gain = gain_min + gain_step * static_cast<float>(bytes[0]);
        if (metric == Metric::inner_product) return {gain, 0};
        const float norm = norm_step * static_cast<float>(bytes[1] | bytes[2] << 8);
        return {gain * norm, norm * norm};
    }
};

} // namespace bqq
