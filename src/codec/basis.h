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
 *     x ~ centre + scale * alpha * B^T s,   s in {-1,+1}^M,   B = T V
 *     V = sum_{b < depth} diag(rho_b) Z_b,  Z_b in {-1,+1}^{K x d}
 *
 * Row k of T has one entry, step[k] at direction_of[k]: several atoms are tied to a direction, a
 * row of V, and differ in their steps. Free atoms have a direction each, K = M and T = I.
 *
 * Memory holds only the planes Z_b; rows of V are expanded from them where they are needed.
 */
struct Basis {
    size_t d = 0;            ///< dimension of the vectors
    size_t M = 0;            ///< number of atoms, ordered by falling energy |b_k|^2
    int depth = 0;           ///< binary planes of B
    float scale = 1;         ///< length of one unit: the codec sees (x - centre) / scale
    std::vector<float> mean; ///< size d: of the training vectors
    /// K of tied atoms; 0: the atoms are free.
    size_t tied_directions = 0;
    std::vector<uint16_t> direction_of; ///< size M of tied atoms, else empty
    std::vector<float> step;            ///< likewise
    /// size K * depth: scale of direction i in plane b at [i * depth + b]
    std::vector<float> rho;
    /// Bits of Z_b as kernels::expand_levels() reads them: nibble_planes() for each direction.
    std::vector<uint8_t> levels;
    ScaleCodec scales;
    /// Mean of the training vectors' Fit::residual(); negative in files that do not tell.
    float training_error = -1;

    /// Planes of nibbles, each four planes Z_b.
    size_t nibble_planes() const { return (static_cast<size_t>(depth) + 3) / 4; }
    /// Floats of an expanded row: d rounded up.
    size_t row_size() const { return (d + 31) / 32 * 32; }

    bool tied() const { return tied_directions != 0; }
    /// K, rows of V
    size_t directions() const { return tied() ? tied_directions : M; }

    bool operator==(const Basis&) const = default;

    /// @throws InvalidArgument  for a depth, size or number that no basis has; `name` is ours
    void check(const std::string& name) const;

    /// Sets rho and levels to zeros of their sizes.
    void clear_planes();
    /// Bit j of row i of Z_b; 1 stands for +1.
    bool bit(size_t i, size_t b, size_t j) const {
        const Place at = place(i, b, j);
        return (levels[at.byte] >> at.shift & 1) != 0;
    }
    /// Only from 0 to 1.
    void set_bit(size_t i, size_t b, size_t j) {
        const Place at = place(i, b, j);
        levels[at.byte] = static_cast<uint8_t>(levels[at.byte] | 1u << at.shift);
    }

    /// Row i of V, then zeros. @param row  size row_size()
    void expand_direction(size_t i, float* row) const;
    /// V, size K * d.
    std::vector<float> expanded_directions() const;
    /// Row k of B, then zeros. @param row  size row_size()
    void expand_atom(size_t k, float* row) const;
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
    const uint8_t* levels_of(size_t i) const {
        return levels.data() + i * nibble_planes() * (row_size() / 2);
    }
    /// What each level of direction i adds, in each plane of nibbles: 16 * nibble_planes() floats.
    void fill_tables(size_t i, float* tables) const;
    /// V x likewise. @param u  size n * K
    void project_on_directions(const float* x, size_t n, float* u) const;

    struct Place {
        size_t byte;
        unsigned shift;
    };
    Place place(size_t i, size_t b, size_t j) const {
        constexpr size_t kPiece = 16; // bytes of 32 entries
        const size_t piece = ((i * nibble_planes() + b / 4) * (row_size() / 32) + j / 32) * kPiece;
        return {piece + j % kPiece, static_cast<unsigned>(b % 4 + (j % 32 < kPiece ? 0 : 4))};
    }
};

/// T u for n vectors. @param u  products with the directions, size n * K; @param w  size n * M
void tie(
        std::span<const uint16_t> direction_of, std::span<const float> step, size_t K,
        const float* u, size_t n, float* w);

/** Fits depth planes to the rows of `target` (K x d) and stores them in basis.rho and basis.levels.
 *
 * Minimizes tr((V - target)^T C (V - target)) by descent over the directions: the bits and scales
 * of one make up for what the others lost to their planes. C is the Gram matrix of the directions'
 * coefficients (K x K), of free atoms S^T S. In the first sweep the others are those before; no
 * later sweep increases the objective. In the end rho is rounded to bfloat16, which is what files
 * keep of it.
 *
 * @param basis   d, M, depth and tied_directions are given
 * @param sweeps  over the atoms, at least 1
 */
void fit_planes(
        std::span<const float> target, std::span<const float> gram, Basis& basis, int sweeps = 2);

} // namespace bqq
