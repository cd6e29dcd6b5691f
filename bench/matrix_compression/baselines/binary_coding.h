#pragma once

#include "baselines/approximation.h"

namespace bqq::bench {

/** Binary coding quantization: an entry is offset + sum_i +-alpha_i, one set of scales for the
 * matrix.
 *
 * Alternates the exact signs of each entry (the nearest of the 2^bits sums) and least squares for
 * the scales (Xu et al., "Alternating Multi-bit Quantization for Recurrent Neural Networks", 2018),
 * from greedy signs and from the levels of uniform quantization; the better result is kept.
 * Bytes: the signs, bits + 1 floats.
 *
 * @param bits  1 to 8
 */
Approximation binary_coding(const Matrix<float>& X, int bits);

} // namespace bqq::bench
