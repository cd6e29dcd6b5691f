#pragma once

#include "codec/basis.h"
#include "codec/scale_codec.h"

#include "codec/encoder.h"

#include <cstddef>
#include <span>

namespace bqq {

/// Encoded training vectors, on which the scales are chosen.
struct EncodedSample {
    const Basis& basis;
    Metric metric;
    size_t n;
    const float* weighted; ///< n x d, in units of the basis, times gain_weight
    const double* x2;      ///< n
    const float* signs;    ///< n x stride
    size_t stride;
    std::span<const Fit> fits;      ///< n
    std::span<const float> centres; ///< n x d, not in units of the basis; empty: all are the mean
    std::span<const double> centre_dots; ///< n: <centre - mean, B^T s>
};

/// Training vectors that the calibration encodes: the first part are queries, all are the base.
inline constexpr size_t kCalibrationVectors = 65536;

/// The calibration with the best 10-recall@10 inside the sample, and ranges that hold all its scales.
ScaleCodec choose_scales(const EncodedSample& sample);

} // namespace bqq
