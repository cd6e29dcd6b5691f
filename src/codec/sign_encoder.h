#pragma once

#include "codec/basis.h"
#include "kernels/dot_rows.h"
#include "solver/binary_quadratic_program.h"

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

namespace bqq {

/** Weight by which a vector is multiplied before its signs are sought: |x|^(-1/2).
 *
 * Without it long vectors get the better codes, with 1/|x| short ones do, although the stored alpha
 * corrects a wrong length. Measured on Fashion-MNIST, M = 128, 10-recall@10: exponent 0 0.621,
 * 0.5 0.636, 1 0.627.
 */
float gain_weight(double x2);

/// Finds the signs of vectors in one basis.
class SignEncoder {
public:
    virtual ~SignEncoder() = default;

    size_t M() const { return M_; }
    size_t d() const { return d_; }
    /// Floats from the signs of one vector to the next.
    size_t stride() const { return stride_; }

    /// Vectors for which one call is best: the atoms are read once for all of them.
    static constexpr size_t kRows = 48;

    /// Buffers of one thread, of sizes that the encoder gives them.
    struct Scratch {
        std::vector<float> h, field, scaled, again;
    };

    /** Signs of at most kRows vectors in units of the basis.
     * With fits asked for, the signs are those to keep, and sought twice: the second time at the
     * length that the first ones found best, since the stored alpha corrects it. Measured on
     * Fashion-MNIST, M = 256: 10-recall@10 from 0.7695 to 0.7734.
     * @param unit   n rows of size d, `ld` apart, each multiplied by its gain_weight
     * @param x2     size n: |unit|^2 before it was weighted
     * @param signs  output, size n * stride()
     * @param fits   output, size n, about the unweighted vectors; or empty
     */
    void encode(
            const float* unit, size_t ld, const double* x2, size_t n, float* signs,
            std::span<Fit> fits, Scratch& scratch) const;

    /// w = B x for n vectors. @param w  size n * M
    virtual void project(const float* x, size_t n, float* w) const = 0;
    /// w = B B^T s, size M. @param signs  size M
    virtual void project_signs(const float* signs, float* w) const = 0;
    virtual size_t memory_bytes() const = 0;

protected:
    SignEncoder(size_t M, size_t d) : M_(M), d_(d), stride_(kernels::padded(M)) {}

private:
    size_t M_, d_, stride_;

    /// Floats of what solve() wants of a vector.
    virtual size_t products() const = 0;
    /// What solve() wants of n vectors x, linear in them. @param h  output, size n * products()
    virtual void multiply(const float* x, size_t ld, size_t n, float* h) const = 0;
    /** @param h      of the vector
     * @param field  buffer
     * @param signs  output, size stride()
     * @param fit    output but for x2, or nullptr
     */
    virtual void solve(const float* h, std::vector<float>& field, float* signs, Fit* fit) const = 0;
};

/// For free atoms: annealed flips, through the Gram matrix of the atoms.
class FreeSignEncoder : public SignEncoder {
public:
    /// @param B  size M * d
    FreeSignEncoder(std::span<const float> B, size_t M, size_t d)
            : SignEncoder(M, d), atoms_(B.data(), d, M, d), program_(B, M, d) {}

    void project(const float* x, size_t n, float* w) const override {
        kernels::dot_rows(x, d(), n, atoms_, w, M());
    }
    void project_signs(const float* signs, float* w) const override {
        program_.project_signs(signs, w);
    }
    size_t memory_bytes() const override {
        return sizeof *this + atoms_.memory_bytes() + program_.memory_bytes();
    }

private:
    kernels::PackedRows atoms_;
    BinaryQuadraticProgram program_;

    size_t products() const override { return stride(); }
    void multiply(const float* x, size_t ld, size_t n, float* h) const override {
        kernels::dot_rows(x, ld, n, atoms_, h, stride());
    }
    void solve(const float* h, std::vector<float>& field, float* signs, Fit* fit) const override;
};

std::unique_ptr<const SignEncoder> make_sign_encoder(const Basis& basis);

} // namespace bqq
