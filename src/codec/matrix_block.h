#pragma once

#include "solver/sign_factors.h"

#include <bqq/matrix_codec.h>

#include <cstddef>
#include <span>
#include <vector>

namespace bqq {

/// 64-bit words of n bits.
inline size_t bit_words(size_t n) {
    return (n + 63) / 64;
}

/** The plane of bits that a plane of signs is; what differs is a constant.
 * @param u  the constant is added to it
 */
MatrixPlane to_bits(
        const SignPlane& plane, const SignScales& scales, size_t m, size_t n, double& u);

/// A plane whose bits and scales are zero.
MatrixPlane zero_plane(size_t m, size_t n, size_t l);

/// Mean of the entries of r Y Z + s Y 1 + t 1 Z.
double mean_of(const MatrixPlane& plane, const MatrixBlock& block);

/// Multiplies blocks with vectors; one for each thread.
class BlockMultiplier {
public:
    /** to += X x for the block.
     * @param x   size cols
     * @param to  size rows
     */
    void multiply(const MatrixBlock& block, std::span<const float> x, std::span<float> to);
    /// to += X^T x for the block.
    void multiply_transposed(
            const MatrixBlock& block, std::span<const float> x, std::span<float> to);

private:
    std::vector<float> x_, to_, weights_; // padded copies

    template <class SidesOf>
    void multiply(
            const MatrixBlock& block, size_t m, size_t n, std::span<const float> x,
            std::span<float> to, const SidesOf& sides);
};

/// The plane's entries alone, size rows * cols.
std::vector<float> reconstruct(const MatrixPlane& plane, const MatrixBlock& block);

} // namespace bqq
