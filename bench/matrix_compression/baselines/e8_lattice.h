#pragma once

#include "baselines/approximation.h"

namespace bqq::bench {

/** E8 lattice vector quantization with a codebook that fits: 8 consecutive entries (row by row)
 * become one of 2^(8 bits) words scale_g * point, g < G, where the points are those of E8 in the
 * largest ball for which G * points <= 2^(8 bits). G is 1, 2 or 4, whichever has the least error,
 * and the scales are fitted.
 *
 * Bytes: `bits` bytes for each 8 entries, G floats.
 *
 * @param bits  1 to 4
 */
Approximation e8_lattice(const Matrix<float>& X, int bits);

/** E8 lattice vector quantization as in the BQQ paper: `bits` stages, each of which codes what is
 * left of 8 entries as one of the 240 roots (8 bits) times one of two scales (1 bit).
 *
 * Bytes: 9 / 8 of the bits that are asked for, and two floats a stage.
 */
Approximation e8_roots(const Matrix<float>& X, int bits);

} // namespace bqq::bench
