#pragma once

#include "solver/sign_factors.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace bqq {

/// Finds the bits of one plane of a matrix.
class PlaneSolver {
public:
    virtual ~PlaneSolver() = default;
    /** @param X  size m * n, not constant
     *  @param l  rank of the plane
     *  @return   the same for the same arguments
     */
    virtual SignPlane solve(
            std::span<const float> X, size_t m, size_t n, size_t l, uint64_t seed) const = 0;
};

/// Annealed mean-field descent, the solver of the paper.
class MeanFieldSolver : public PlaneSolver {
public:
    static constexpr double kSteps = 50000;

    explicit MeanFieldSolver(double effort) : effort_(effort) {}
    SignPlane solve(
            std::span<const float> X, size_t m, size_t n, size_t l, uint64_t seed) const override;

private:
    double effort_;
};

/** Annealed single-bit flips. Where they start matters: from random bits they leave a residual
 * without structure, so that the next plane gains less, where the matrix has structure. A short
 * mean-field descent gives similar rows similar bits, and its error is the unit of the temperature.
 */
class FlipSolver : public PlaneSolver {
public:
    static constexpr double kDescentSteps = 3000;
    static constexpr double kRounds = 10000;

    explicit FlipSolver(double effort) : effort_(effort) {}
    SignPlane solve(
            std::span<const float> X, size_t m, size_t n, size_t l, uint64_t seed) const override;

private:
    double effort_;
};

/** Anneals all planes together, the last one from hot, the earlier ones colder each: they follow
 * it. The mean squared error does not grow.
 */
void refine_jointly(SignFactors& factors, double effort);

} // namespace bqq
