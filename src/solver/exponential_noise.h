#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace bqq {

/** Draws of -log(u), u uniform in (0, 1), for accepting flips. The same in every program: codes
 * made before and after saving an index agree.
 * @return  2^14 + stride of them, so that `stride` in a row can be taken from 2^14 places
 */
std::vector<float> exponential_noise(size_t stride);

/// The same draws from one array that all programs of the process share.
/// @param stride  at most kernels::padded(Quantizer::kMaxAtoms)
std::span<const float> shared_exponential_noise(size_t stride);

} // namespace bqq
