#pragma once

#include "peer.h"
#include "principal_axes.h"

namespace bqq::bench {

/** No code: the channel by which Gaussian vectors of the training set's covariance have the least
 * error for so many bits (reverse water-filling), simulated. Vectors that are not Gaussian can do
 * better.
 */
class Shannon : public Peer {
public:
    explicit Shannon(int bits) : bits_(bits) {}
    void train(const Rows& x, uint64_t seed) override;
    Rows reconstructed(const Rows& x) const override;
    double bits() const override { return bits_; }
    double shared_bytes() const override { return 0; }

private:
    int bits_;
    uint64_t seed_ = 0;
    Rows axes_;                    ///< those above the water
    Eigen::VectorXf kept_, noise_; ///< part of each axis, and deviation of what is added
};

} // namespace bqq::bench
