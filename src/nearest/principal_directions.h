#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace bqq {

/** The leading principal directions, by falling variance: orthonormal rows, by randomized subspace
 * iteration.
 * @param x  centred sample, n rows of size d, ldx apart
 * @param m  how many, at most d
 * @return   size m * d
 */
std::vector<float> principal_directions(
        const float* x, size_t ldx, size_t n, size_t d, size_t m, uint64_t seed);

} // namespace bqq
