#pragma once

#include "kernels/aligned.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace bqq {

/// The bits of one plane as signs, S = 2Y - 1 and T = 2Z - 1.
struct SignPlane {
    size_t l = 0;          ///< rank
    std::vector<int8_t> S; ///< size m * l
    std::vector<int8_t> T; ///< size n * l: transposed, row j belongs to column j of the matrix
};

/// Scales of a plane of signs: a S T + b S 1 + c 1 T, which is r Y Z + s Y 1 + t 1 Z but for a
/// constant.
struct SignScales {
    double a = 0;
    double b = 0;
    double c = 0;
};

/** A matrix as a sum of planes, X ~ sum_p (a S T + b S 1 + c 1 T) + u, whose signs are annealed.
 *
 * For fixed T the rows of S are binary quadratic programs with one coupling, and the columns of T
 * for fixed S; a round sweeps over both, on all threads, with the same result for any number of
 * them. The residual follows flip by flip.
 */
class SignFactors {
public:
    /// @param X  size m * n
    SignFactors(std::span<const float> X, size_t m, size_t n, uint64_t seed);

    void add_plane(const SignPlane& plane, const SignScales& scales);
    SignPlane plane(size_t p) const;

    /** Every row of S, then every column of T.
     * @param temperatures  one a plane, in units of the squared residual; 0 accepts only gains
     * @param sweeps        over the signs of a row
     */
    void round(std::span<const double> temperatures, size_t sweeps);

    /// Sets all 3 p + 1 scales to the least-squares ones.
    void fit_scales();

    double mse() const; ///< mean squared residual

    size_t planes() const { return scales_.size(); }
    const SignScales& scales(size_t p) const { return scales_[p]; }
    double u() const { return u_; }
    std::vector<float> residual() const; ///< size m * n

private:
    using Floats = kernels::AlignedVector<float>;

    /// S, or T transposed: K signs for each row (column) of the matrix.
    struct Factor {
        size_t count = 0;                       ///< m or n
        size_t ld = 0;                          ///< count, padded
        Floats signs;                           ///< count x stride, +1 in the padding
        Floats transposed;                      ///< K x ld, 0 in the padding
        kernels::AlignedVector<uint32_t> words; ///< bits of column k: word w at w * stride + k
        Floats sums;                            ///< stride: of each column's signs
    };

    Factor S_, T_;
    std::vector<float> X_;      ///< m x n
    Floats E_;                  ///< the residual, m x T_.ld
    Floats Et_;                 ///< its transpose, n x S_.ld
    std::vector<size_t> begin_; ///< first column of each plane, then K
    std::vector<size_t> plane_; ///< of each column
    size_t stride_ = 0;         ///< K, padded
    std::vector<SignScales> scales_;
    double u_ = 0;
    uint64_t random_;
    std::vector<float> noise_;
    Floats gram_, fields_, unit_, scale_, offset_, diagonal_; // reused by the half rounds

    size_t K() const { return begin_.back(); }
    void extend(Factor& factor, const std::vector<int8_t>& signs, size_t l);
    void make_gram(const Factor& factor, bool of_S);
    void half_round(
            Factor& mine, const Factor& other, bool of_S, Floats& E,
            std::span<const double> temperatures, size_t sweeps);
    void update_residual();
};

} // namespace bqq
