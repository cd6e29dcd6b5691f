#include "base/omp_threads.h"
#include "random_data.h"
#include "solver/mean_field_descent.h"
#include "solver/plane_solver.h"
#include "solver/random_plane.h"
#include "solver/sign_factors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <random>
#include <vector>

namespace matrix_solver_test {

using bqq::FlipSolver;
using bqq::MeanFieldSolver;
using bqq::OmpThreads;
using bqq::PlaneSolver;
using bqq::SignFactors;
using bqq::SignPlane;
using bqq::test::normal_numbers;
using bqq::test::random_plane;

/// The paper's descent, from the definition of its energy, in double and without a thought for
/// speed.
struct ReferenceDescent {
    size_t m, n, l;
    std::vector<double> X;                // divided by its range
    std::vector<double> y, before, ahead; // of Y (m x l), then of Z transposed (n x l)
    std::array<double, 4> scales{};       // r, s, t, u

    ReferenceDescent(const std::vector<float>& of, size_t m_, size_t n_, size_t l_, uint64_t seed)
            : m(m_), n(n_), l(l_), X(of.begin(), of.end()) {
        const auto [least, most] = std::minmax_element(of.begin(), of.end());
        for (double& x : X) x /= double(*most - *least);
        std::mt19937_64 random(seed);
        std::uniform_real_distribution<float> uniform;
        for (size_t i = 0; i < (m + n) * l; ++i) {
            before.push_back(double(uniform(random)));
            y.push_back(before[i] - 0.06 * (before[i] - 0.5));
            ahead.push_back(y[i] + 4 * (y[i] - before[i]));
        }
        fit();
    }

    /// |X - r Y Z - s Y 1 - t 1 Z - u|^2, multiplied out, with y y = y and z z = z.
    double energy(const std::vector<double>& bits, const std::array<double, 4>& of) const {
        const auto [r, s, t, u] = of;
        double sum = 0;
        for (size_t i = 0; i < m; ++i)
            for (size_t j = 0; j < n; ++j) {
                const double* Y = &bits[i * l];
                const double* Z = &bits[(m + j) * l];
                const double x = X[i * n + j] - u;
                sum += x * x;
                for (size_t k = 0; k < l; ++k) {
                    sum -= 2 * x * (r * Y[k] * Z[k] + s * Y[k] + t * Z[k]);
                    for (size_t h = 0; h < l; ++h) {
                        const double yy = k == h ? Y[k] : Y[k] * Y[h];
                        const double zz = k == h ? Z[k] : Z[k] * Z[h];
                        sum += r * r * yy * zz + s * s * yy + t * t * zz +
                               2 * (r * s * yy * Z[k] + r * t * Y[k] * zz + s * t * Y[k] * Z[h]);
                    }
                }
            }
        return sum;
    }

    /// Least squares: the energy is quadratic in the scales.
    void fit() {
        const auto at = [&](int a, int b) {
            std::array<double, 4> unit{};
            if (a >= 0) unit[size_t(a)] += 1;
            if (b >= 0) unit[size_t(b)] += 1;
            return energy(y, unit);
        };
        Eigen::Matrix4d normal;
        Eigen::Vector4d right;
        for (int a = 0; a < 4; ++a) {
            for (int b = 0; b < 4; ++b)
                normal(a, b) = (at(a, b) - at(a, -1) - at(b, -1) + at(-1, -1)) / 2;
            right(a) = (normal(a, a) - at(a, -1) + at(-1, -1)) / 2;
        }
        Eigen::Map<Eigen::Vector4d>(scales.data()) = normal.fullPivLu().solve(right);
    }

    void step(double temperature) {
        std::vector<double> next = y;
        for (size_t i = 0; i < y.size(); ++i) {
            // The energy is linear in each bit, so that a difference is its derivative.
            std::vector<double> one = ahead, zero = ahead;
            one[i] = 1;
            zero[i] = 0;
            const double gradient = energy(one, scales) - energy(zero, scales);
            const double moved =
                    2 * y[i] - before[i] - 0.06 * (gradient + temperature * (y[i] - 0.5));
            next[i] = std::clamp(moved, 0.0, 1.0);
        }
        before = y;
        y = next;
        for (size_t i = 0; i < y.size(); ++i) ahead[i] = y[i] + 4 * (y[i] - before[i]);
        fit();
    }
};

TEST(MeanFieldDescent, StepsAreThoseOfThePapersUpdate) {
    constexpr size_t m = 6, n = 5;
    for (const size_t l : {1, 2, 3})
        for (const size_t steps : {1, 2, 3, 10, 40})
            for (uint64_t seed = 1; seed <= 4; ++seed) {
                const std::vector<float> X = normal_numbers(m, n, seed);
                ReferenceDescent reference(X, m, n, l, seed);
                for (size_t i = 0; i < steps; ++i) {
                    const double done = double(i) / double(std::max<size_t>(steps - 1, 1));
                    reference.step(0.2 + (0.005 - 0.2) * done);
                }
                SignPlane plane = bqq::descend_mean_field(X, m, n, l, steps, seed);
                plane.S.insert(plane.S.end(), plane.T.begin(), plane.T.end());
                for (size_t i = 0; i < reference.y.size(); ++i)
                    if (std::abs(reference.y[i] - 0.5) > 1e-4) {
                        EXPECT_EQ(plane.S[i] > 0, reference.y[i] > 0.5)
                                << "l " << l << " steps " << steps << " seed " << seed << " bit "
                                << i << ' ' << reference.y[i];
                    }
            }
}

TEST(MeanFieldDescent, LargeMatricesAreTheSameForAnyNumberOfThreads) {
    constexpr size_t m = 530, n = 500, l = 272;
    const std::vector<float> X = normal_numbers(m, n, 1);
    const auto descend = [&](int threads) {
        const OmpThreads limit(threads);
        return bqq::descend_mean_field(X, m, n, l, 3, 1);
    };
    const SignPlane one = descend(1);
    for (const int threads : {2, 3, 16}) {
        const SignPlane several = descend(threads);
        EXPECT_EQ(several.S, one.S) << threads;
        EXPECT_EQ(several.T, one.T) << threads;
    }
}

/// Mean squared error of the plane with its best scales.
double error_of(const SignPlane& plane, const std::vector<float>& X, size_t m, size_t n) {
    SignFactors factors(X, m, n, 1);
    factors.add_plane(plane, {});
    factors.fit_scales();
    return factors.mse();
}

std::vector<std::unique_ptr<PlaneSolver>> both_solvers(double effort) {
    std::vector<std::unique_ptr<PlaneSolver>> solvers;
    solvers.push_back(std::make_unique<FlipSolver>(effort));
    solvers.push_back(std::make_unique<MeanFieldSolver>(effort));
    return solvers;
}

TEST(PlaneSolvers, FindAMatrixThatIsOnePlane) {
    constexpr size_t m = 16, n = 12, l = 2;
    std::mt19937_64 random(1);
    std::vector<float> X;
    const SignPlane planted = random_plane(m, n, l, random);
    for (size_t i = 0; i < m; ++i)
        for (size_t j = 0; j < n; ++j) {
            X.push_back(3);
            for (size_t k = 0; k < l; ++k) {
                const float s = planted.S[i * l + k], t = planted.T[j * l + k];
                X.back() += 0.4f * s * t + 0.1f * s - 0.2f * t;
            }
        }
    for (const auto& solver : both_solvers(0.05)) {
        double least = 1;
        for (uint64_t seed = 1; seed <= 3; ++seed)
            least = std::min(least, error_of(solver->solve(X, m, n, l, seed), X, m, n));
        EXPECT_LT(least, 1e-10);
    }
}

TEST(PlaneSolvers, SeedsDecideTheResult) {
    const std::vector<float> X = normal_numbers(20, 30, 1);
    for (const auto& solver : both_solvers(0.01)) {
        const SignPlane first = solver->solve(X, 20, 30, 12, 5);
        EXPECT_EQ(first.S.size(), 20u * 12);
        EXPECT_EQ(first.T.size(), 30u * 12);
        const SignPlane again = solver->solve(X, 20, 30, 12, 5);
        EXPECT_EQ(first.S, again.S);
        EXPECT_EQ(first.T, again.T);
        EXPECT_NE(first.S, solver->solve(X, 20, 30, 12, 6).S);
    }
}

TEST(PlaneSolvers, AnnealingBeatsPlainDescent) {
    constexpr size_t m = 32, n = 32, l = 16;
    double cold = 0, flips = 0, mean_field = 0;
    for (uint64_t seed = 1; seed <= 5; ++seed) {
        const std::vector<float> X = normal_numbers(m, n, seed);
        std::mt19937_64 random(seed);
        SignFactors factors(X, m, n, seed);
        factors.add_plane(random_plane(m, n, l, random), {});
        factors.fit_scales();
        for (int i = 0; i < 100; ++i) {
            factors.round(std::vector<double>{0.0}, 1);
            factors.fit_scales();
        }
        cold += factors.mse();
        flips += error_of(FlipSolver(0.05).solve(X, m, n, l, seed), X, m, n);
        mean_field += error_of(MeanFieldSolver(0.05).solve(X, m, n, l, seed), X, m, n);
    }
    RecordProperty("flips_over_cold", std::to_string(flips / cold));
    RecordProperty("mean_field_over_cold", std::to_string(mean_field / cold));
    EXPECT_LT(flips, 0.9 * cold);
    EXPECT_LT(mean_field, 0.9 * cold);
}

TEST(PlaneSolvers, JointRefinementLowersTheError) {
    constexpr size_t m = 32, n = 32, l = 16;
    double greedy = 0, joint = 0;
    for (uint64_t seed = 1; seed <= 15; ++seed) {
        SignFactors factors(normal_numbers(m, n, seed), m, n, seed);
        for (int p = 0; p < 2; ++p) {
            factors.add_plane(FlipSolver(0.05).solve(factors.residual(), m, n, l, seed), {});
            factors.fit_scales();
        }
        greedy += factors.mse();
        bqq::refine_jointly(factors, 0.05);
        joint += factors.mse();
    }
    RecordProperty("joint_over_greedy", std::to_string(joint / greedy));
    EXPECT_LT(joint, 0.985 * greedy);
}

TEST(PlaneSolvers, JointRefinementNeverRaisesTheError) {
    for (const double effort : {1e-9, 1e-3, 1e-2})
        for (uint64_t seed = 1; seed <= 5; ++seed) {
            SignFactors factors(normal_numbers(24, 40, seed), 24, 40, seed);
            for (int p = 0; p < 2; ++p) {
                factors.add_plane(FlipSolver(0.1).solve(factors.residual(), 24, 40, 8, seed), {});
                factors.fit_scales();
            }
            const double before = factors.mse();
            bqq::refine_jointly(factors, effort);
            EXPECT_LE(factors.mse(), before * (1 + 1e-6)) << "effort " << effort;
        }
}

} // namespace matrix_solver_test
