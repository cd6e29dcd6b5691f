#pragma once

#include <bqq/binary_quadratic_quantizer.h>

#include <cstddef>

namespace bqq {

/// How many bases an index has, and of how many planes.
struct BasisChoice {
    size_t groups;
    int depth;
};

/** The bases that n vectors afford, when all bases may take `share` of the bytes of the codes.
 *
 * Several have GroupedQuantizer::kDefaultDepth. Where that share, or n, is too little for two, there is one, of as many
 * planes as the share affords between GroupedQuantizer's default and BinaryQuadraticQuantizer's.
 *
 * @param form        dimension, bits and bytes of the codes
 * @param least_size  vectors that a group needs
 * @param depth       planes of a basis, or 0 to choose them too
 * @throws std::invalid_argument  for a share that is negative or not finite
 */
BasisChoice choose_bases(
        size_t n, const BinaryQuadraticQuantizer& form, size_t least_size, int depth, double share);

} // namespace bqq
