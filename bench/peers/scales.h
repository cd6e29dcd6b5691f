#pragma once

#include "peer.h"

namespace bqq::bench {

/// The scales that codes of bqq store beside their bits, of any reconstruction.
struct StoredScales {
    Eigen::ArrayXf alpha; ///< factor on the reconstruction, in one byte by equal ratios
    Eigen::ArrayXf norms; ///< squared, of the vectors: for L2, in two bytes by equal steps

    /** @param x         vectors
     *  @param y         their reconstructions
     *  @param exponent  0: alpha of least squares; 1: that of RaBitQ, without bias; between: between
     */
    StoredScales(const Rows& x, const Rows& y, float exponent);
};

/// Bytes of these scales.
inline double scale_bytes(bool l2) {
    return l2 ? 3 : 1;
}

} // namespace bqq::bench
