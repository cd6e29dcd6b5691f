#pragma once

#include "solver/sign_factors.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace bqq {

/** Finds the bits of one plane by annealed mean-field descent, the paper's solver (Kuroki et al.,
 * section 4): momentum descent on relaxed bits, the gradient taken ahead, the scales fitted again
 * after every step from the multilinear energy (y^2 = y), and an entropy whose temperature falls
 * linearly.
 *
 * @param X      size m * n, not constant
 * @param steps  the paper's is 50,000
 */
SignPlane descend_mean_field(
        std::span<const float> X, size_t m, size_t n, size_t l, size_t steps, uint64_t seed);

} // namespace bqq
