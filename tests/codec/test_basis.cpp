#include "quantizer_fixture.h"
#include "random_data.h"

#include <gtest/gtest.h>
#include "codec/basis.h"

#include <cmath>
#include <limits>
#include <span>
#include <string>
#include <vector>

namespace basis_test {

using bqq::Metric;
using bqq::Quantizer;
using bqq::TrainingParameters;
using bqq::test::gaussian_vectors;
using bqq::test::normal_numbers;
using bqq::test::relative_error;
using bqq::test::trained;

TEST(Basis, IsTheSumOfItsPlanes) {
    constexpr size_t M = 9;
    for (const size_t d : {size_t{11}, size_t{32}, size_t{70}})
        for (const int depth : {1, 3, 4, 5, 16}) {
            SCOPED_TRACE("d = " + std::to_string(d) + ", depth " + std::to_string(depth));
            const Quantizer quantizer =
                    trained(gaussian_vectors(300, d, 1), d, M, Metric::l2, depth);
            const bqq::Basis& basis = quantizer.basis(0);
            const auto planes = static_cast<size_t>(depth);
            ASSERT_EQ(basis.d, d);
            ASSERT_EQ(basis.M, M);
            ASSERT_EQ(basis.depth, depth);
            ASSERT_EQ(basis.rho.size(), M * planes);
            const std::vector<float> B = basis.expanded();
            ASSERT_EQ(B.size(), M * d);
            for (size_t k = 0; k < M; ++k)
                for (size_t j = 0; j < d; ++j) {
                    float sum = 0;
                    for (size_t b = 0; b < planes; ++b) {
                        const float rho = basis.rho[k * planes + b];
                        sum += basis.bit(k, b, j) ? rho : -rho;
                    }
                    EXPECT_NEAR(B[k * d + j], sum, 1e-6f);
                }
        }
}

TEST(Basis, ProjectsVectorsTogetherAsAlone) {
    constexpr size_t d = 37, M = 41, n = 9;
    const Quantizer quantizer = trained(gaussian_vectors(300, d, 1), d, M);
    const bqq::Basis& basis = quantizer.basis(0);
    const std::vector<float> B = basis.expanded();
    const std::vector<float> x = gaussian_vectors(n, d, 2);
    std::vector<float> together(n * M), alone(M);
    basis.project(x.data(), n, together.data());
    for (size_t i = 0; i < n; ++i) {
        basis.project(x.data() + i * d, 1, alone.data());
        for (size_t k = 0; k < M; ++k) {
            double sum = 0;
            for (size_t j = 0; j < d; ++j)
                sum += static_cast<double>(B[k * d + j]) * static_cast<double>(x[i * d + j]);
            EXPECT_NEAR(alone[k], sum, 1e-5);
            EXPECT_EQ(together[i * M + k], alone[k]);
        }
    }
}

TEST(Basis, OneRoundOfTrainingMakesPlanes) {
    constexpr size_t d = 11, M = 9;
    const std::vector<float> x = gaussian_vectors(300, d, 1);
    TrainingParameters parameters;
    parameters.rounds = 1;
    for (const int depth : {1, 3, 8}) {
        Quantizer quantizer(d, M, Metric::l2, depth);
        quantizer.train(x, parameters);
        EXPECT_EQ(quantizer.basis(0).rho.size(), M * static_cast<size_t>(depth));
        EXPECT_LT(relative_error(quantizer, x), 0.7) << "depth " << depth;
    }
}

TEST(Basis, AtomsAreOrderedByFallingEnergy) {
    constexpr size_t d = 24, M = 64;
    const Quantizer quantizer = trained(gaussian_vectors(2000, d, 1), d, M);
    const std::vector<float> B = quantizer.basis(0).expanded();
    double before = std::numeric_limits<double>::max();
    for (size_t k = 0; k < M; ++k) {
        double energy = 0;
        for (size_t j = 0; j < d; ++j) {
            const auto b = static_cast<double>(B[k * d + j]);
            energy += b * b;
        }
        EXPECT_LT(energy, 1.05 * before) << "atom " << k;
        before = energy;
    }
}

/// tr((B - target)^T C (B - target))
double lost_energy(
        const bqq::Basis& basis, std::span<const float> target, std::span<const float> C) {
    const std::vector<float> B = basis.expanded();
    double energy = 0;
    for (size_t j = 0; j < basis.d; ++j)
        for (size_t k = 0; k < basis.M; ++k)
            for (size_t i = 0; i < basis.M; ++i) {
                const auto lost = [&](size_t atom) {
                    const size_t at = atom * basis.d + j;
                    return static_cast<double>(B[at]) - static_cast<double>(target[at]);
                };
                energy += lost(k) * lost(i) * static_cast<double>(C[k * basis.M + i]);
            }
    return energy;
}

TEST(FitPlanes, SweepsLowerWhatTheCodesLose) {
    constexpr size_t d = 40, M = 24, n = 500;
    const std::vector<float> target = normal_numbers(M, d, 1);
    // Signs with something in common, so that atoms can make good what others lose.
    const std::vector<float> noise = normal_numbers(n, M, 2);
    const std::vector<float> common = normal_numbers(n, 1, 3);
    std::vector<float> C(M * M);
    for (size_t r = 0; r < n; ++r)
        for (size_t k = 0; k < M; ++k)
            for (size_t i = 0; i < M; ++i)
                C[k * M + i] += std::copysign(1.0f, noise[r * M + k] + common[r]) *
                                std::copysign(1.0f, noise[r * M + i] + common[r]);
    for (const int depth : {1, 2, 3, 4, 8, 10}) {
        bqq::Basis basis;
        basis.d = d;
        basis.M = M;
        basis.depth = depth;
        double first = 0;
        double before = std::numeric_limits<double>::infinity();
        for (int sweeps = 1; sweeps <= 5; ++sweeps) {
            bqq::fit_planes(target, C, basis, sweeps);
            const double energy = lost_energy(basis, target, C);
            EXPECT_LE(energy, 1.00001 * before) << "depth " << depth << ", sweep " << sweeps;
            before = energy;
            if (sweeps == 1) first = energy;
        }
        RecordProperty("ratio_" + std::to_string(depth), std::to_string(before / first));
        EXPECT_LT(before, 0.95 * first) << "depth " << depth;
    }
}

} // namespace basis_test
