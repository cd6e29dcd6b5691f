#pragma once

#include "codec/basis.h"
#include "kernels/dot_rows.h"
#include "nearest/row_set.h"
#include "solver/binary_quadratic_program.h"

#include <bqq/quantizer.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
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

/// Finds the signs of vectors in one basis, given B in float.
class SignEncoder {
public:
    /// @param B  size M * d
    SignEncoder(std::span<const float> B, size_t M, size_t d);

    size_t M() const { return atoms_.size(); }
    size_t d() const { return atoms_.d(); }
    /// Floats from the signs of one vector to the next.
    size_t stride() const { return program_.stride(); }
    const BinaryQuadraticProgram& program() const { return program_; }

    /// Vectors for which one call is best: the atoms are read once for all of them.
    static constexpr size_t kRows = 48;

    /// Buffers of one thread.
    struct Scratch {
        explicit Scratch(const SignEncoder& encoder)
                : h(kRows * encoder.stride()),
                  field(encoder.stride()),
                  scaled(encoder.stride()),
                  again(encoder.stride()) {}
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
    void project(const float* x, size_t n, float* w) const {
        kernels::dot_rows(x, d(), n, atoms_, w, M());
    }

    size_t memory_bytes() const;

private:
    kernels::PackedRows atoms_;
    BinaryQuadraticProgram program_;
};

/// What encoding needs of the bases, made for each when it is first asked for.
class Encoders {
public:
    explicit Encoders(std::shared_ptr<const std::vector<Basis>> bases);

    const SignEncoder& of(size_t basis) const;
    /// The bases with the nearest means. @param nearest  output, size n * count
    void nearest(size_t n, const float* x, uint32_t* nearest, size_t count) const;
    size_t memory_bytes() const;

private:
    std::shared_ptr<const std::vector<Basis>> bases_;
    mutable std::mutex mutex_;
    mutable std::vector<float> means_;
    mutable std::optional<RowSet> mean_rows_; ///< of means_, made once
    mutable std::vector<std::unique_ptr<const SignEncoder>> encoders_;
};

/// The lists that vectors are coded in.
struct CodingLists {
    std::span<const uint8_t> basis_of; ///< of each list; empty: list l has basis l
    /// Writes the centre of a list, size d; empty: it is the mean of the list's basis.
    std::function<void(uint32_t list, float* centre)> centre;

    size_t basis(uint32_t list) const { return basis_of.empty() ? list : basis_of[list]; }
};

/** Codes vectors, each in its list.
 * @param x        size n * d, finite
 * @param list_of  size n
 * @param codes    output, size n * quantizer.code_size()
 * @param errors   output, size n: squared distance to the nearest multiple of B^T s; or nullptr
 */
void encode_in_lists(
        const Quantizer& quantizer, const CodingLists& lists, size_t n, const float* x,
        std::span<const uint32_t> list_of, uint8_t* codes, double* errors = nullptr);

/// Of vectors, each in its list; see Quantizer::coding_error(). @param x  size n * d, finite, n > 0
CodingError coding_error(
        const Quantizer& quantizer, const CodingLists& lists, size_t n, const float* x,
        std::span<const uint32_t> list_of);

/// The reverse. @param x  output, size n * d
void decode_in_lists(
        const Quantizer& quantizer, const CodingLists& lists, size_t n, const uint8_t* codes,
        std::span<const uint32_t> list_of, float* x);

} // namespace bqq
