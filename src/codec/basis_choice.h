#pragma once

#include <bqq/grouped_quantizer.h>

#include <cstddef>

namespace bqq {

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
GroupedQuantizer::Bases choose_bases(
        size_t n, const BinaryQuadraticQuantizer& form, size_t least_size, int depth, double share);

} // namespace bqq
