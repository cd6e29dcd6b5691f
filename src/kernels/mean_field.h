#pragma once

#include <cstddef>

namespace bqq::kernels {

/// What the descent of one factor knows of the other: constants of a step.
struct MeanFieldStep {
    size_t l;              ///< columns of the factor
    size_t stride;         ///< l rounded up to kPad
    float eta;             ///< step length
    float zeta;            ///< how far the momentum looks ahead
    float temperature;     ///< factor on the gradient y - 1/2 of the entropy
    float r;               ///< scale of Y Z
    float s;               ///< scale of this factor's own sums
    const float* constant; ///< of the gradient of every row, stride
    const float* slope;    ///< stride
};

/// Sums over the rows of a factor, stride each; zero before the first row.
struct MeanFieldSums {
    float* y;
    float* y2;
    float* ahead;
    float* ahead2;
};

/// Of a row, after a step.
struct RowSums {
    float y;
    float ahead;
};

/** One step of momentum descent for one row of a factor of relaxed bits.
 *
 *     gradient = -2 (r correlation_k + s sum) + constant_k + slope_k ahead_k
 *     y <- clamp(2 y - before - eta (gradient + temperature (y - 1/2)), 0, 1)
 *
 * @param correlation  <residual, other factor's column k>, stride
 * @param sum          of the residual's row
 * @param y, before    bits now and a step ago, updated; zero in the padding
 * @param ahead        in: y + zeta (y - before), where the gradient was taken; out: the next one
 */
RowSums descend_row(
        const MeanFieldStep& step, const float* correlation, float sum, float* y, float* before,
        float* ahead, const MeanFieldSums& sums);

/** part = x - (r * product + row + cols) in the first n floats, then zeros up to a multiple of
 * kPad.
 * @return  sum of part
 */
float residual_row(
        const float* x, const float* product, float r, float row, const float* cols, size_t n,
        float* part);

/// Sum of n floats (a multiple of kPad).
float sum(const float* values, size_t n);

/// Sums over a row of a product YZ, n a multiple of kPad; cols[j] += product[j].
struct ProductSums {
    float product; ///< of YZ
    float squares; ///< of (YZ)^2
    float with_x;  ///< of x YZ
};
ProductSums product_sums(const float* x, const float* product, size_t n, float* cols);

} // namespace bqq::kernels
