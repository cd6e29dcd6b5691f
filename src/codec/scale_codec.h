#pragma once

#include <bqq/metric.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace bqq {

/// What encoding a vector x (in units of the basis) found out, before any calibration.
struct Fit {
    double dot;   ///< <x, B^T s>
    double xhat2; ///< |B^T s|^2
    double x2;    ///< |x|^2

    /// |x - alpha B^T s|^2 at the best alpha
    double residual() const { return xhat2 > 0 ? x2 - dot * dot / xhat2 : x2; }
};

/// What is stored of a vector beside its signs, in units of the basis.
struct StoredScales {
    float alpha; ///< length of the reconstruction along B^T s
    float nu; ///< L2: the part of the score that does not depend on the query (0 for inner product)
};

/** Stores alpha in one byte and, for L2, nu in two.
 *
 * Byte 0 is alpha = 0. Bytes 1 to last_near count steps of the bit pattern of the float alpha, so
 * that its precision is relative. nu is kept as its root with a sign, nu = r |r|, r linear in 16
 * bits. What alpha loses to its byte is made good in nu for queries near the vector.
 *
 * Bytes beyond last_near belong to far vectors: those beyond the ranges of the training set. Their
 * r is a bfloat16, and they count steps of the bit pattern of alpha / |r| (L2) or alpha. So a far
 * vector keeps a relative precision wherever it lies: 0.8 % in nu, 3 % in alpha for L2, and 9 % in
 * alpha for the inner product.
 */
struct ScaleCodec {
    Metric metric = Metric::l2;
    int32_t alpha_first = 0; ///< bit pattern of alpha that byte 0 would have
    int32_t alpha_step = 0;  ///< ... and what one step of the byte adds to it
    float norm_first = 0;    ///< L2: r of 0
    float norm_step = 0;     ///< ... and what one step of the two bytes adds to it
    uint8_t last_near = 255; ///< the last byte of alpha that is not of a far vector
    int32_t far_first = 0;   ///< bit pattern of alpha / |r|, or of alpha, of byte last_near
    int32_t far_step = 0;    ///< ... and what one step of the byte adds to it
    /// Correction, chosen on the training set, of the bias that near neighbours look too far:
    /// L2: nu = |x|^2 - 2 calibration * |x - alpha B^T s|^2; inner product: alpha grows by cos^(-2
    /// calibration).
    float calibration = 0;

    bool operator==(const ScaleCodec&) const = default;

    /// bytes a vector: 3 for L2, 1 for inner product
    size_t size() const { return metric == Metric::l2 ? 3 : 1; }

    /// The least-squares scales with the calibration applied.
    StoredScales calibrate(const Fit& fit) const;

    /** Sets the ranges of near vectors.
     * @param alpha_least, alpha_most  smallest and largest alpha above 0; 0 where there is none
     * @param r_least, r_most          L2: smallest and largest root of nu, with its sign
     * @param alpha_per_norm           L2: largest alpha / |x|
     */
    void set_ranges(
            float alpha_least, float alpha_most, float r_least, float r_most, float alpha_per_norm);

    /** Writes size() bytes: of a near vector where the ranges allow it.
     * @param centre_dot  <centre - mean, B^T s>; 2 alpha times this is folded into nu
     */
    void encode(const Fit& fit, double centre_dot, uint8_t* bytes) const;

    /// Of bytes up to last_near.
    float decode_near_alpha(uint8_t byte) const {
        return byte == 0 ? 0.0f : std::bit_cast<float>(alpha_first + alpha_step * byte);
    }
    /// L2: the largest that two bytes of a near vector stand for, up to its sign.
    double largest_near_nu() const {
        const double first = norm_first, last = first + 65535.0 * static_cast<double>(norm_step);
        return std::max(first * first, last * last);
    }
    StoredScales decode(const uint8_t* bytes) const {
        if (bytes[0] > last_near) return decode_far(bytes);
        const float alpha = decode_near_alpha(bytes[0]);
        if (metric == Metric::inner_product) return {alpha, 0};
        const float r = norm_first + norm_step * static_cast<float>(bytes[1] | bytes[2] << 8);
        return {alpha, r * std::fabs(r)};
    }

private:
    void set_far_range(float most);
    StoredScales decode_far(const uint8_t* bytes) const;
    void encode_far(const Fit& fit, double centre_dot, uint8_t* bytes) const;
};

} // namespace bqq
