#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace bqq {

/** Where a set of vectors is coded from: their mean, and atoms whose signed sums approximate what is left.
 *
 *     x ~ mean + scale * alpha * B^T s,   s in {-1,+1}^M
 *     B = sum_{b < depth} diag(rho_b) Z_b,   Z_b in {-1,+1}^{M x d}
 *
 * Only the planes Z_b and their scales are stored in a file; B is expanded from them.
 */
struct Basis {
    size_t d = 0;            ///< dimension of the vectors
    size_t M = 0;            ///< number of atoms, ordered by falling energy |b_k|^2
    int depth = 0;           ///< binary planes of B
    float scale = 1;         ///< length of one unit: inside, x is (x - mean) / scale
    std::vector<float> mean; ///< size d
    std::vector<float> rho;  ///< size M * depth: scale of atom k in plane b at [k * depth + b]
    std::vector<uint8_t>
            Z; ///< bit planes, bit j of row (k, b) at [k * depth + b], plane_bytes() a row
    std::vector<float> B; ///< size M * d, expanded from rho and Z by expand()

    size_t plane_bytes() const { return (d + 7) / 8; }

    bool operator==(const Basis&) const = default;

    /// Fills B from rho and Z.
    void expand();
};

/** Fits depth planes to the rows of `target` (M x d) and stores them in basis.rho and .Z, expanded to .B.
 *
 * Minimizes tr((B - target)^T C (B - target)), C = S^T S the Gram matrix of the codes (M x M), by descent over
 * the atoms: an atom's bits and scales make good what the others lost to their planes. In the first sweep the
 * others are the atoms before it; no later sweep increases the objective.
 *
 * @param sweeps  over the atoms, at least 1
 */
void fit_planes(
        std::span<const float> target, std::span<const float> code_gram, Basis& basis,
        int sweeps = 2);

} // namespace bqq
