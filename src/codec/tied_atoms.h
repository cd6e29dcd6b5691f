#pragma once

#include "codec/basis.h"
#include "codec/sign_encoder.h"
#include "kernels/dot_rows.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace bqq {

/** Deals M bits out to coordinates so that their squared errors add up to the least, were they
 * normal and their levels evenly spaced.
 * @param variances  of the coordinates, falling
 * @return           bits of the first coordinates; others have none
 */
std::vector<size_t> allot_bits(std::span<const double> variances, size_t M);

/** For tied atoms: the coordinate along each direction is rounded to the nearest sum of its signed
 * steps, in time proportional to K (K + d) a vector.
 *
 * The directions are nearly orthonormal, but for what their planes lose: coordinates are those of
 * least squares, y = (V V^T)^-1 V x.
 */
class TiedSignEncoder : public SignEncoder {
public:
    explicit TiedSignEncoder(const Basis& basis);

    void project(const float* x, size_t n, float* w) const override;
    void project_signs(const float* signs, float* w) const override;
    size_t memory_bytes() const override;

    /// y of n vectors, ld apart. @param y  output, size n * K
    void coordinates(const float* x, size_t ld, size_t n, float* y) const;

private:
    /// The atoms of a direction, those of the largest steps first.
    struct Direction {
        size_t first, count; ///< in atoms_
        size_t tabled;       ///< so many of them, the first, have their sums in values_
        size_t table;        ///< place in values_ and patterns_
    };

    size_t K_;
    std::vector<Direction> directions_;
    std::vector<uint16_t> atoms_;   ///< of all directions
    std::vector<float> steps_;      ///< in the order of atoms_
    std::vector<float> values_;     ///< all sums of a direction's tabled steps, rising
    std::vector<uint8_t> patterns_; ///< bit b of a sum: its b-th atom has sign +1
    std::vector<float> step_of_atom_;
    std::vector<uint16_t> direction_of_;
    kernels::PackedRows rows_;    ///< V
    kernels::PackedRows inverse_; ///< (V V^T)^-1
    std::vector<float> gram_;     ///< V V^T, K x K

    size_t products() const override { return 2 * K_; }
    /// u = V x of a vector, then y.
    void multiply(const float* x, size_t ld, size_t n, float* h) const override;
    void solve(const float* h, std::vector<float>& field, float* signs, Fit* fit) const override;
    /// Signs of the atoms of direction i for coordinate y. @return the sum of its signed steps
    float round(size_t i, float y, float* signs) const;
};

/** Ties the atoms of a basis to its directions, `bits` to each, and fits their steps to
 * coordinates: first halving ones at the best scale, then Lloyd's alternation of nearest sums and
 * least squares. Atoms are sorted by falling step.
 * @param y  coordinates of n vectors, size n * K
 */
void fit_steps(std::span<const size_t> bits, std::span<const float> y, size_t n, Basis& basis);

} // namespace bqq
