#pragma once

#include <bqq/metric.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace bqq {

/// What is stored of a vector beside its signs, in units of the basis.
struct StoredScales {
    float alpha; ///< length of the reconstruction along B^T s
    float nu; ///< L2: the part of the score that does not depend on the query (0 for inner product)
};

/** Stores alpha in one byte and, for L2, nu in two.
 *
 * Byte 0 is alpha = 0; from 1 on, a byte counts steps of the bit pattern of the float alpha, so
 * that its precision is relative. nu is kept as its root with a sign, nu = r |r|, r linear in 16
 * bits. What alpha loses to its byte is made good in nu for queries near the vector.
 */
struct ScaleCodec {
    Metric metric = Metric::l2;
    int32_t alpha_first = 0; ///< bit pattern of alpha that byte 0 would have
    int32_t alpha_step = 0;  ///< ... and what one step of the byte adds to it
    float norm_first = 0;    ///< L2: r of 0
    float norm_step = 0;     ///< ... and what one step of the two bytes adds to it
    /// Correction, chosen on the training set, of the bias that near neighbours look too far:
    /// L2: nu = |x|^2 - 2 calibration * |x - alpha B^T s|^2; inner product: alpha grows by cos^(-2
    /// calibration).
    float calibration = 0;

    bool operator==(const ScaleCodec&) const = default;

    /// bytes a vector: 3 for L2, 1 for inner product
    size_t size() const { return metric == Metric::l2 ? 3 : 1; }

    /// Applies the calibration: dot = <x, B^T s>, xhat2 = |B^T s|^2, x2 = |x|^2, x from its centre.
    StoredScales calibrate(double dot, double xhat2, double x2) const;

    /** Sets the ranges.
     * @param alpha_least, alpha_most  smallest and largest alpha above 0; nothing is set when there
     * is none
     * @param r_least, r_most          L2: smallest and largest root of nu, with its sign
     */
    void set_ranges(float alpha_least, float alpha_most, float r_least, float r_most);

    /** Writes size() bytes.
     * @param scales      from calibrate
     * @param dot         <x, B^T s>
     * @param centre_dot  <centre - mean, B^T s>; 2 alpha times this is folded into nu
     */
    void encode(const StoredScales& scales, double dot, double centre_dot, uint8_t* bytes) const;

    float decode_alpha(uint8_t byte) const {
        return byte == 0 ? 0.0f : std::bit_cast<float>(alpha_first + alpha_step * byte);
    }
    /// L2: the largest that two bytes stand for, up to its sign.
    double largest_nu() const {
        const double first = norm_first, last = first + 65535.0 * static_cast<double>(norm_step);
        return std::max(first * first, last * last);
    }
    StoredScales decode(const uint8_t* bytes) const {
        const float alpha = decode_alpha(bytes[0]);
        if (metric == Metric::inner_product) return {alpha, 0};
        const float r = norm_first + norm_step * static_cast<float>(bytes[1] | bytes[2] << 8);
        return {alpha, r * std::fabs(r)};
    }
};

} // namespace bqq
