#pragma once

#include "kernels/aligned.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace bqq::kernels {

/** A binary quadratic program's coupling, shared by many programs:
 *
 *     minimize over s in {-1,+1}^M:   s^T G s - 2 h^T s
 *
 * The field f = h - (G - diag G) s says what a flip costs: flipping s_k changes the energy by 4 s_k
 * f_k.
 */
struct Coupling {
    size_t M;          ///< number of signs
    size_t stride;     ///< M rounded up to kPad
    const float* gram; ///< M x stride: G with a zero diagonal, zero in the padding
    const float* unit; ///< stride: the energy that a temperature of 1 is for sign k, such as G_kk;
                       ///< 0 in the padding
};

/** Sets the signs one after the other to the sign of their field, the earlier ones given.
 * @param field   in: h, size stride; out: the field of the signs
 * @param signs   out: size stride, the padding set to +1
 */
void greedy_signs(const Coupling& coupling, float* field, float* signs);

/** Sweeps of single flips: sign k is flipped where 4 s_k f_k < temperature * unit_k * noise.
 * @param temperatures  one a sweep; after them, sweeps at temperature zero until no flip is left
 * @param noise         draws of -log(u), u uniform in (0, 1): at least 2 * stride of them
 * @param field, signs  as greedy_signs left them, updated
 */
void anneal_flips(
        const Coupling& coupling, std::span<const float> temperatures, std::span<const float> noise,
        float* field, float* signs);

/// The next state of the generator that picks the noise; a sweep takes one step.
inline uint64_t next_random(uint64_t state) {
    return state * 6364136223846793005u + 1442695040888963407u;
}

/** The same sweeps at one temperature, without those at zero.
 * @param random   state of the generator, updated
 * @param field    used up: on return it is not the field of the signs
 * @param flipped  out: the signs that were flipped, one after the other; size sweeps * M
 * @return  flips
 */
size_t sweep_flips(
        const Coupling& coupling, float temperature, size_t sweeps, std::span<const float> noise,
        uint64_t& random, float* field, float* signs, uint32_t* flipped);

/// Atoms that are scale_k z_k + offset_k 1; all arrays of size stride and zero in the padding.
struct AffineAtoms {
    size_t stride;
    const float* scale;
    const float* offset;
    const float* energy; ///< |atom_k|^2
};

/** The field of signs whose residual e is known: <e, atom_k> + |atom_k|^2 s_k.
 * @param residual  e, size n (a multiple of kPad)
 * @param field     in: <e, z_k>; out: the field; size stride
 */
void correlations_to_field(
        const AffineAtoms& atoms, const float* residual, size_t n, const float* signs,
        float* field);

/// to[j] += constant + sum over i of factors[i] * rows[indices[i] * ld + j], j < n (a multiple of
/// kPad).
void add_rows(
        std::span<const uint32_t> indices, std::span<const float> factors, const float* rows,
        size_t ld, size_t n, float constant, float* to);

} // namespace bqq::kernels
