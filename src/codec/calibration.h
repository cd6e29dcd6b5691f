#pragma once

#include "codec/basis.h"
#include "codec/encoder.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace bqq {

/// Encoded training vectors, on which the scales are chosen.
struct EncodedSample {
    const Basis& basis;
    Metric metric;
    size_t n;
    const float* weighted; ///< n x ld, in units of the basis, times gain_weight
    size_t ld;             ///< at least d
    const double* x2;      ///< n
    const float* signs;    ///< n x stride
    size_t stride;
    std::span<const Fit> fits;           ///< n
    std::span<const uint32_t> list_of;   ///< n; empty: all are coded from the mean
    std::span<const float> centres;      ///< of the lists, from the mean, in units of the basis
    std::span<const double> centre_dots; ///< n: <centre - mean, B^T s>
};

/// Training vectors that the calibration encodes: the first are queries as well, all are the base.
inline constexpr size_t kCalibrationVectors = 65536;

/// The calibration with the best 10-recall@10 inside the sample, and ranges for all its scales.
ScaleCodec choose_scales(const EncodedSample& sample);

} // namespace bqq
