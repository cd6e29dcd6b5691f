#pragma once

#include "kernels/flips.h"

#include <cstddef>
#include <span>
#include <vector>

namespace bqq {

/** Finds the signs of vectors, given the atoms: minimize |x - B^T s|^2 over s in {-1,+1}^M.
 *
 * Greedy signs atom by atom, then annealed single flips, both through the Gram matrix G = B B^T.
 */
class BinaryQuadraticProgram {
public:
    /// Measured on Fashion-MNIST, M = 128: 100 lower the error by 0.3 % and leave the recall as it
    /// is.
    static constexpr int kSweeps = 30;

    /** @param atoms   B, size M * d
     *  @param sweeps  of annealed flips, before those at temperature zero
     */
    BinaryQuadraticProgram(std::span<const float> atoms, size_t M, size_t d, int sweeps = kSweeps);

    /// M rounded up to the kernels' padding: size of fields and signs.
    size_t stride() const { return stride_; }

    /** @param field  in: B x in the first M places; out: the field of the signs; size stride()
     *  @param signs  out: size stride(), +1 in the padding
     */
    void solve(float* field, float* signs) const;

    /// |B^T s|^2 from h = B x, and the field and signs that solve() made of it.
    double reconstruction_energy(const float* h, const float* field, const float* signs) const;

    /// w = B B^T s, size M. @param signs  size M
    void project_signs(const float* signs, float* w) const;

    size_t memory_bytes() const {
        return (gram_.capacity() + diagonal_.capacity() + temperatures_.capacity()) * sizeof(float);
    }

private:
    size_t M_;
    size_t stride_;
    std::vector<float> gram_;         ///< M x stride, zero diagonal
    std::vector<float> diagonal_;     ///< stride
    std::vector<float> temperatures_; ///< one a sweep
    std::span<const float> noise_;    ///< draws of -log(u), shared

    kernels::Coupling coupling() const { return {M_, stride_, gram_.data(), diagonal_.data()}; }
};

} // namespace bqq
