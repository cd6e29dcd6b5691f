#pragma once

#include <Eigen/Core>

#include <cstdint>
#include <memory>
#include <string>

namespace bqq::bench {

/// Vectors as rows.
using Rows = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// A code that no library has, measured by what it reconstructs. Scales are stored beside it as
/// beside ours: scored_by_scales().
class Peer {
public:
    virtual ~Peer() = default;
    /// @param x  training vectors, less their mean
    virtual void train(const Rows& x, uint64_t seed) = 0;
    /// Codes and decodes. @param x  vectors, less the mean of those of the training
    virtual Rows reconstructed(const Rows& x) const = 0;
    virtual double bits() const = 0;         ///< of a code
    virtual double shared_bytes() const = 0; ///< of what all codes share, real numbers in 16 bits
};

/** A peer by name:
 *
 *     TC1024     transform code of 1,024 bits
 *     ASH256x2   two bits for each of 256 kept dimensions
 *     Shannon64  what no code of 64 bits can better for Gaussian vectors of this covariance
 *
 * @throws std::runtime_error  for other names
 */
std::unique_ptr<Peer> make_peer(const std::string& name);

} // namespace bqq::bench
