#pragma once

#include "peer.h"

namespace bqq::bench {

/** ASH (arXiv 2606.07870): an orthonormal projection to fewer dimensions, from principal axes and a
 * random rotation, refined in turns with the codes (the codes given it, it by Procrustes given
 * them); each kept dimension has the same number of bits, levels at equal steps.
 */
class Ash : public Peer {
public:
    Ash(int kept, int bits_each) : kept_(kept), bits_each_(bits_each) {}
    void train(const Rows& x, uint64_t seed) override;
    Rows reconstructed(const Rows& x) const override;
    double bits() const override { return kept_ * bits_each_; }
    double shared_bytes() const override { return 2 * static_cast<double>(projection_.size()); }

private:
    int kept_;
    int bits_each_;
    Rows projection_; ///< kept x d, orthonormal rows

    /// The codes of rows, as numbers; those of a row up to a scale.
    Rows coded(const Rows& y) const;
};

} // namespace bqq::bench
