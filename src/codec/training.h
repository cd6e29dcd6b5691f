#pragma once

#include "codec/basis.h"
#include <bqq/binary_quadratic_quantizer.h>
#include "codec/scale_codec.h"

#include <cstddef>

namespace bqq {

/// What training learns.
struct Trained {
    Basis basis;
    ScaleCodec scales;
};

/** Learns basis and scales from x (n x d, finite, n >= M), coded from centres (n x d) or, for nullptr, their mean.
 *
 * Atoms start on the sample's principal directions, each split into bits as its variance asks. Then codes
 * (annealed flips) and basis (least squares) alternate; the last rounds use all of the sample. The fewer
 * planes the basis has, the earlier it is bound to them.
 */
Trained train_embedding(
        size_t n, const float* x, const float* centres, size_t d, size_t M, int depth,
        Metric metric, const TrainingParameters& parameters);

} // namespace bqq
