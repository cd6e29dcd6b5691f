#pragma once

#include "codec/scale_codec.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace bqq {

/** Atoms whose signed sums approximate vectors from their centre, and how their scales are stored.
 *
 *     x ~ centre + scale * alpha * B^T s,   s in {-1,+1}^M
 *     B = sum_{b < depth} diag(rho_b) Z_b,   Z_b in {-1,+1}^{M x d}
 *
 * Memory holds only the planes Z_b; rows of B are expanded from them where they are needed.
 */
struct Basis {
    size_t d = 0;            ///< dimension of the vectors
    size_t M = 0;            ///< number of atoms, ordered by falling energy |b_k|^2
    int depth = 0;           ///< binary planes of B
    float scale = 1;         ///< length of one unit: the codec sees (x - centre) / scale
    std::vector<float> mean; ///< size d: of the training vectors
    std::vector<float> rho;  ///< size M * depth: scale of atom k in plane b at [k * depth + b]
    /// Bits of Z_b as kernels::expand_levels() reads them: nibble_planes() for each atom.
    std::vector<uint8_t> levels;
    ScaleCodec scales;
    /// Mean of the training vectors' Fit::residual(); negative in files that do not tell.
    float training_error = -1;

    /// Planes of nibbles, each four planes Z_b.
    size_t nibble_planes() const { return (static_cast<size_t>(depth) + 3) / 4; }
    /// Floats of an expanded row: d rounded up.
    size_t row_size() const { return (d + 31) / 32 * 32; }

    bool operator==(const Basis&) const = default;

    /// @throws InvalidArgument  for a depth, size or number that no basis has; `name` is ours
    void check(const std::string& name) const;

    /// Sets rho and levels to zeros of their sizes.
    void clear_planes();
    /// Bit j of row k of Z_b; 1 stands for +1.
    bool bit(size_t k, size_t b, size_t j) const {
        const Place at = place(k, b, j);
        return (levels[at.byte] >> at.shift & 1) != 0;
    }
    /// Only from 0 to 1.
    void set_bit(size_t k, size_t b, size_t j) {
        const Place at = place(k, b, j);
        levels[at.byte] = static_cast<uint8_t>(levels[at.byte] | 1u << at.shift);
    }

    /// Row k of B, then zeros. @param row  size row_size()
    void expand_row(size_t k, float* row) const;
    /// B, size M * d.
    std::vector<float> expanded() const;

    /** w = B x for n vectors x in units of the basis, on the calling thread.
     * A result does not depend on n.
     * @param x  size n * d
     * @param w  size n * M
     */
    void project(const float* x, size_t n, float* w) const;

    /// x in units of the basis, from a centre; all of size d. Clamped so that floats suffice later.
    void to_unit(const float* x, const float* centre, float* unit) const;

    size_t memory_bytes() const;

private:
    const uint8_t* levels_of(size_t k) const {
        return levels.data() + k * nibble_planes() * (row_size() / 2);
    }
    /// What each level of atom k adds, in each plane of nibbles: 16 * nibble_planes() floats.
    void fill_tables(size_t k, float* tables) const;

    struct Place {
        size_t byte;
        unsigned shift;
    };
    Place place(size_t k, size_t b, size_t j) const {
        constexpr size_t kPiece = 16; // bytes of 32 entries
        const size_t piece = ((k * nibble_planes() + b / 4) * (row_size() / 32) + j / 32) * kPiece;
        return {piece + j % kPiece, static_cast<unsigned>(b % 4 + (j % 32 < kPiece ? 0 : 4))};
    }
};

/** Fits depth planes to the rows of `target` (M x d) and stores them in basis.rho and basis.levels.
 *
 * Minimizes tr((B - target)^T C (B - target)), C = S^T S the Gram matrix of the codes (M x M), by
 * descent over the atoms: the bits and scales of an atom make up for what the others lost to their
 * planes. In the first sweep the others are the atoms before it; no later sweep increases the
 * objective. In the end rho is rounded to bfloat16, which is what files keep of it.
 *
 * @param basis   d, M and depth are given
 * @param sweeps  over the atoms, at least 1
 */
void fit_planes(
        std::span<const float> target, std::span<const float> code_gram, Basis& basis,
        int sweeps = 2);

} // namespace bqq
