#pragma once

#include "codec/basis.h"
#include "codec/scale_codec.h"

#include "kernels/dot_rows.h"
#include "solver/binary_quadratic_program.h"

#include <cstddef>
#include <span>

namespace bqq {

/// What encoding a vector x (in units of the basis) found out, before any calibration.
struct Fit {
    double dot;   ///< <x, B^T s>
    double xhat2; ///< |B^T s|^2
    double x2;    ///< |x|^2

    /// |x - alpha B^T s|^2 at the best alpha
    double residual() const { return xhat2 > 0 ? x2 - dot * dot / xhat2 : x2; }
};

/// unit = (x - centre) / scale, all of size d.
void to_unit(const Basis& basis, const float* x, const float* centre, float* unit);

/** Weight by which a vector is multiplied before its signs are sought: |x|^(-1/2).
 *
 * Without it long vectors get the better codes, with 1/|x| short ones do, although the stored alpha
 * makes good a wrong length. Measured on Fashion-MNIST, M = 128, 10-recall@10: exponent 0 0.621,
 * 0.5 0.636, 1 0.627.
 */
float gain_weight(double x2);

/** Signs of n vectors in units of the basis.
 * With fits asked for, the signs are those to keep, and sought twice: the second time at the length that
 * the first ones found best, since the stored alpha makes up for it. Measured on Fashion-MNIST, M = 256:
 * 10-recall@10 from 0.7695 to 0.7734.
 * @param atoms  the rows of B, those of the program
 * @param unit   size n * d, each multiplied by its gain_weight
 * @param x2     size n: |unit|^2 before it was weighted
 * @param signs  output, size n * program.stride()
 * @param fits   output, size n, about the unweighted vectors; or empty
 */
void encode_weighted(
        const BinaryQuadraticProgram& program, const kernels::PackedRows& atoms, const float* unit,
        const double* x2, size_t n, float* signs, std::span<Fit> fits);

/** dots[i] = <centre_i - mean, B^T s_i>, in units of the basis.
 * @param atoms    the rows of basis.B
 * @param centres  size n * d
 * @param signs    size n * stride
 */
void multiply_centres(
        const Basis& basis, const kernels::PackedRows& atoms, const float* centres, size_t n,
        const float* signs, size_t stride, double* dots);

} // namespace bqq
