#pragma once

#include "baselines/approximation.h"

#include <cstdint>

namespace bqq::bench {

/** Low rank with quantized factors, X ~ L R (LPLR-SVD; Saha, Srivastava and Pilanci, "Matrix
 * Compression via Randomized Low Rank and Low Precision Factorization", NeurIPS 2023).
 *
 * L is the factor of the truncated SVD, uniformly quantized; R is least squares on the quantized L,
 * then quantized, its range refitted on X. As which power of the singular values goes into L, and
 * whether it is rotated first (which evens out its columns), matters: all are tried. Then each
 * factor is refitted on the other in turn. The best result is kept.
 *
 * Bytes: the rank is the largest that fits the budget of `bits` bits an entry; four floats.
 *
 * @param factor_bits  1 to 8, of an entry of the factors
 */
Approximation low_rank(const Matrix<float>& X, int bits, int factor_bits, uint64_t seed);

} // namespace bqq::bench
