#include "solver/sign_factors.h"

#include "base/omp_threads.h"
#include "random_data.h"
#include "solver/exponential_noise.h"
#include "solver/random_plane.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace sign_factors_test {

using bqq::OmpThreads;
using bqq::SignFactors;
using bqq::SignPlane;
using bqq::test::normal_numbers;
using bqq::test::random_plane;

/// Scales a, b, c of every plane, then u.
using AllScales = std::vector<double>;

/// sum_p (a S T + b S 1 + c 1 T) + u
std::vector<double> model(
        const std::vector<SignPlane>& planes, const AllScales& scales, size_t m, size_t n) {
    std::vector<double> X(m * n, scales.back());
    for (size_t p = 0; p < planes.size(); ++p)
        for (size_t i = 0; i < m; ++i)
            for (size_t j = 0; j < n; ++j)
                for (size_t k = 0; k < planes[p].l; ++k) {
                    const double s = planes[p].S[i * planes[p].l + k];
                    const double t = planes[p].T[j * planes[p].l + k];
                    X[i * n + j] +=
                            scales[3 * p] * s * t + scales[3 * p + 1] * s + scales[3 * p + 2] * t;
                }
    return X;
}

/// A matrix, the size of neither side a multiple of what the kernels pad to, and its factors.
struct Factored {
    static constexpr size_t m = 21, n = 13;
    std::vector<float> X;
    SignFactors factors;

    explicit Factored(const std::vector<size_t>& ranks, uint64_t seed = 1)
            : X(normal_numbers(m, n, seed)), factors(X, m, n, seed) {
        std::mt19937_64 random(seed);
        for (const size_t l : ranks)
            factors.add_plane(random_plane(m, n, l, random), {0.2, -0.1, 0.15});
    }
    std::vector<SignPlane> planes() const {
        std::vector<SignPlane> planes;
        for (size_t p = 0; p < factors.planes(); ++p) planes.push_back(factors.plane(p));
        return planes;
    }
    AllScales scales() const {
        AllScales all;
        for (size_t p = 0; p < factors.planes(); ++p)
            for (const double scale :
                 {factors.scales(p).a, factors.scales(p).b, factors.scales(p).c})
                all.push_back(scale);
        all.push_back(factors.u());
        return all;
    }
    double mse(const AllScales& of) const {
        const std::vector<double> coded = model(planes(), of, m, n);
        double sum = 0;
        for (size_t i = 0; i < X.size(); ++i) sum += std::pow(double(X[i]) - coded[i], 2);
        return sum / double(X.size());
    }
    void expect_residual() const {
        const std::vector<double> coded = model(planes(), scales(), m, n);
        const std::vector<float> residual = factors.residual();
        ASSERT_EQ(residual.size(), X.size());
        for (size_t i = 0; i < X.size(); ++i)
            ASSERT_NEAR(residual[i], double(X[i]) - coded[i], 2e-5) << "entry " << i;
        EXPECT_NEAR(factors.mse(), mse(scales()), 1e-6 * (1 + factors.mse()));
    }
};

TEST(SignFactors, KeepThePlanesThatWereAdded) {
    std::mt19937_64 random(4);
    const std::vector<SignPlane> planes{
            random_plane(21, 13, 17, random), random_plane(21, 13, 1, random)};
    SignFactors factors(normal_numbers(21, 13, 1), 21, 13, 1);
    for (const SignPlane& plane : planes) factors.add_plane(plane, {});
    ASSERT_EQ(factors.planes(), 2u);
    for (size_t p = 0; p < 2; ++p) {
        EXPECT_EQ(factors.plane(p).l, planes[p].l);
        EXPECT_EQ(factors.plane(p).S, planes[p].S);
        EXPECT_EQ(factors.plane(p).T, planes[p].T);
    }
}

TEST(SignFactors, ResidualIsWhatThePlanesLeave) {
    for (const auto& ranks :
         std::vector<std::vector<size_t>>{{}, {1}, {5}, {16}, {5, 3}, {20, 17}}) {
        SCOPED_TRACE(testing::PrintToString(ranks));
        Factored f(ranks);
        f.expect_residual();
        if (ranks.empty()) continue;
        const std::vector<double> temperatures(ranks.size(), 2.0);
        for (const size_t sweeps : {1, 2, 3}) {
            for (int i = 0; i < 7; ++i) f.factors.round(temperatures, sweeps);
            f.expect_residual();
        }
        f.factors.fit_scales();
        f.expect_residual();
    }
}

TEST(SignFactors, RoundsAtTemperatureZeroNeverRaiseTheError) {
    for (uint64_t seed = 1; seed <= 20; ++seed) {
        Factored f({7, 4}, seed);
        double before = f.factors.mse();
        for (int i = 0; i < 10; ++i) {
            f.factors.round(std::vector<double>(2, 0.0), 1 + seed % 2);
            const double now = f.factors.mse();
            ASSERT_LE(now, before * (1 + 1e-5)) << "round " << i << " seed " << seed;
            before = now;
        }
    }
}

TEST(SignFactors, ColdRoundsEndWhereNoSingleFlipGains) {
    Factored f({6}, 3);
    for (int i = 0; i < 100; ++i) f.factors.round(std::vector<double>{0.0}, 2);
    std::vector<SignPlane> planes = f.planes();
    const auto mse = [&] {
        const std::vector<double> coded = model(planes, f.scales(), f.m, f.n);
        double sum = 0;
        for (size_t i = 0; i < coded.size(); ++i) sum += std::pow(double(f.X[i]) - coded[i], 2);
        return sum / double(coded.size());
    };
    const double least = mse();
    for (auto* signs : {&planes[0].S, &planes[0].T})
        for (int8_t& sign : *signs) {
            sign = static_cast<int8_t>(-sign);
            EXPECT_GE(mse(), least - 1e-5);
            sign = static_cast<int8_t>(-sign);
        }
}

TEST(SignFactors, OnlyPlanesWithATemperatureAreHeated) {
    Factored f({6, 5}, 3);
    for (int i = 0; i < 100; ++i) f.factors.round(std::vector<double>(2, 0.0), 2);
    const std::vector<SignPlane> cold = f.planes();
    f.factors.round(std::vector<double>{0, 1e6}, 1); // nearly every sign of the second plane
    size_t changed = 0;
    for (size_t i = 0; i < cold[1].S.size(); ++i)
        changed += cold[1].S[i] != f.factors.plane(1).S[i];
    EXPECT_GT(changed, cold[1].S.size() * 3 / 4);
    changed = 0;
    for (size_t i = 0; i < cold[0].S.size(); ++i)
        changed += cold[0].S[i] != f.factors.plane(0).S[i];
    EXPECT_LT(changed, cold[0].S.size() * 3 / 4);
}

TEST(SignFactors, FittedScalesAreTheBestOnes) {
    for (const auto& ranks : std::vector<std::vector<size_t>>{{1}, {5}, {5, 3}, {17, 2, 9}}) {
        Factored f(ranks);
        f.factors.round(std::vector<double>(ranks.size(), 0.5), 1);
        f.factors.fit_scales();
        const AllScales fitted = f.scales();
        const double least = f.mse(fitted);
        for (size_t i = 0; i < fitted.size(); ++i) {
            double error[2];
            constexpr double kStep = 1e-3;
            for (const int side : {0, 1}) {
                AllScales moved = fitted;
                moved[i] += side == 0 ? -kStep : kStep;
                error[side] = f.mse(moved);
                EXPECT_GT(error[side], least) << "scale " << i;
            }
            // The slope at the fit is nothing beside the curvature.
            EXPECT_LT(std::abs(error[1] - error[0]), 0.05 * (error[1] + error[0] - 2 * least))
                    << "scale " << i;
        }
    }
}

TEST(SignFactors, CollinearPlanesAreFitted) {
    Factored f({4});
    f.factors.fit_scales();
    const double alone = f.factors.mse();
    SignPlane negative = f.factors.plane(0);
    for (auto* signs : {&negative.S, &negative.T})
        for (int8_t& sign : *signs) sign = static_cast<int8_t>(-sign);
    f.factors.add_plane(f.factors.plane(0), {});
    f.factors.add_plane(negative, {});
    f.factors.add_plane({1, std::vector<int8_t>(f.m, 1), std::vector<int8_t>(f.n, 1)}, {});
    f.factors.fit_scales();
    EXPECT_NEAR(f.factors.mse(), alone, 1e-6);
    for (const double scale : f.scales()) EXPECT_LT(std::abs(scale), 10);
    f.expect_residual();
}

TEST(SignFactors, SeedsDrawTheFlips) {
    const auto anneal = [](uint64_t seed) {
        std::mt19937_64 random(1);
        SignFactors factors(normal_numbers(21, 13, 1), 21, 13, seed);
        factors.add_plane(random_plane(21, 13, 7, random), {0.2, 0, 0});
        for (int i = 0; i < 5; ++i) factors.round(std::vector<double>{1.0}, 2);
        return factors.plane(0).S;
    };
    EXPECT_EQ(anneal(1), anneal(1));
    EXPECT_NE(anneal(1), anneal(2));
}

TEST(SignFactors, LargeMatricesAreTheSameForAnyNumberOfThreads) {
    constexpr size_t m = 530, n = 500, l = 272; // more than 2^26 products, and a last part of 18
    const auto anneal = [&](int threads) {
        const OmpThreads limit(threads);
        std::mt19937_64 random(1);
        SignFactors factors(normal_numbers(m, n, 1), m, n, 1);
        factors.add_plane(random_plane(m, n, l, random), {0.06, 0, 0});
        for (int i = 0; i < 2; ++i) {
            factors.round(std::vector<double>{1.0}, 2);
            factors.fit_scales();
        }
        return factors;
    };
    const SignFactors one = anneal(1);
    for (const int threads : {2, 3, 16}) {
        const SignFactors several = anneal(threads);
        EXPECT_EQ(several.plane(0).S, one.plane(0).S) << threads;
        EXPECT_EQ(several.plane(0).T, one.plane(0).T) << threads;
        EXPECT_EQ(several.scales(0).a, one.scales(0).a) << threads;
        EXPECT_EQ(several.residual(), one.residual()) << threads;
    }
}

TEST(ExponentialNoise, HasTheMomentsOfItsDistribution) {
    const std::vector<float> noise = bqq::exponential_noise(48);
    ASSERT_EQ(noise.size(), (size_t{1} << 14) + 48);
    double mean = 0, square = 0;
    for (const float draw : noise) {
        ASSERT_GT(draw, 0);
        mean += double(draw) / double(noise.size());
        square += double(draw) * double(draw) / double(noise.size());
    }
    EXPECT_NEAR(mean, 1, 0.03);
    EXPECT_NEAR(square, 2, 0.15);
}

} // namespace sign_factors_test
