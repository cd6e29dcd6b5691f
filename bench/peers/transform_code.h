#pragma once

#include "peer.h"
#include "principal_axes.h"

#include <optional>
#include <vector>

namespace bqq::bench {

/** A classical transform code, the idea of SAQ (Li et al., "SAQ: Pushing the Limits of Vector
 * Quantization through Code Adjustment and Dimension Segmentation", 2025): principal axes, each with
 * bits by its variance and levels of its own, by Lloyd's rounds on the training vectors.
 */
class TransformCode : public Peer {
public:
    explicit TransformCode(int bits) : bits_(bits) {}
    void train(const Rows& x, uint64_t seed) override;
    Rows reconstructed(const Rows& x) const override;
    double bits() const override { return bits_; }
    double shared_bytes() const override;

private:
    int bits_;
    Rows axes_;                              ///< those with bits
    std::vector<std::vector<float>> levels_; ///< of each axis, rising
};

} // namespace bqq::bench
