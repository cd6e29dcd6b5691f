#pragma once

#include <cstddef>
#include <span>

namespace bqq::kernels {

/// Rows of the Gram matrix, fields and signs are padded to a multiple of this many floats.
inline constexpr size_t kFlipPad = 16;

/** A binary quadratic program's coupling, shared by many programs:
 *
 *     minimize over s in {-1,+1}^M:   s^T G s - 2 h^T s
 *
 * The field f = h - (G - diag G) s says what a flip costs: flipping s_k changes the energy by 4 s_k f_k.
 */
struct Coupling {
    size_t M;              ///< number of signs
    size_t stride;         ///< M rounded up to kFlipPad
    const float* gram;     ///< M x stride: G with a zero diagonal, zero in the padding
    const float* diagonal; ///< stride: G_kk, zero in the padding
};

/** Sets the signs one after the other to the sign of their field, the earlier ones given.
 * @param field   in: h, size stride; out: the field of the signs
 * @param signs   out: size stride, the padding set to +1
 */
void greedy_signs(const Coupling& coupling, float* field, float* signs);

/** Sweeps of single flips: sign k is flipped where 4 s_k f_k < temperature * G_kk * noise.
 * @param temperatures  one a sweep; after them, sweeps at temperature zero until no flip is left
 * @param noise         draws of -log(u), u uniform in (0, 1): at least 2 * stride of them
 * @param field, signs  as greedy_signs left them, updated
 */
void anneal_flips(
        const Coupling& coupling, std::span<const float> temperatures, std::span<const float> noise,
        float* field, float* signs);

} // namespace bqq::kernels
