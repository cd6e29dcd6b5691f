#include "solver/binary_quadratic_program.h"

#include "kernels/flips.h"
#include "random_data.h"
#include "targets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace solver_test {

using bqq::BinaryQuadraticProgram;
using bqq::kernels::Coupling;
using bqq::test::normal_numbers;
using bqq::test::target_name;
using bqq::test::targets;
using bqq::test::TargetTest;

/// Runs the solver's kernels of one instruction set.
class Solver : public TargetTest {};
INSTANTIATE_TEST_SUITE_P(Targets, Solver, testing::ValuesIn(targets()), target_name);

/// Random atoms and a vector, with all that the kernels and the checks need of them.
struct Problem {
    size_t M, d, stride;
    std::vector<float> atoms;    // M x d
    std::vector<float> x;        // d
    std::vector<float> gram;     // M x stride, zero diagonal
    std::vector<float> diagonal; // stride
    std::vector<float> h;        // stride

    Problem(size_t M_, size_t d_, uint64_t seed)
            : M(M_),
              d(d_),
              stride(bqq::kernels::padded(M)),
              atoms(normal_numbers(M, d, seed)),
              x(normal_numbers(1, d, seed + 1000)),
              gram(M * stride),
              diagonal(stride),
              h(stride) {
        for (size_t k = 0; k < M; ++k) // falling energies, as a trained basis has
            for (size_t j = 0; j < d; ++j)
                atoms[k * d + j] /= std::sqrt(static_cast<float>(d * (k + 1)));
        for (float& value : x) value *= 1.5f / std::sqrt(static_cast<float>(d));
        for (size_t k = 0; k < M; ++k) {
            for (size_t l = 0; l < M; ++l) gram[k * stride + l] = dot(&atoms[k * d], &atoms[l * d]);
            std::swap(diagonal[k], gram[k * stride + k]);
            h[k] = dot(&atoms[k * d], x.data());
        }
    }
    Coupling coupling() const { return {M, stride, gram.data(), diagonal.data()}; }

    /// B^T s
    std::vector<double> reconstruction(const float* signs) const {
        std::vector<double> sum(d);
        for (size_t k = 0; k < M; ++k)
            for (size_t j = 0; j < d; ++j)
                sum[j] += static_cast<double>(signs[k] * atoms[k * d + j]);
        return sum;
    }
    /// |x - B^T s|^2
    double error(const float* signs) const {
        double error = 0;
        const std::vector<double> sum = reconstruction(signs);
        for (size_t j = 0; j < d; ++j) {
            const double rest = static_cast<double>(x[j]) - sum[j];
            error += rest * rest;
        }
        return error;
    }
    double least_error() const {
        double least = 1e300;
        std::vector<float> signs(M);
        for (unsigned v = 0; v < 1u << M; ++v) {
            for (size_t k = 0; k < M; ++k) signs[k] = (v >> k & 1) != 0 ? 1.0f : -1.0f;
            least = std::min(least, error(signs.data()));
        }
        return least;
    }
    double field(size_t k, const std::vector<float>& signs) const {
        double f = static_cast<double>(h[k]);
        for (size_t l = 0; l < M; ++l) f -= static_cast<double>(gram[k * stride + l] * signs[l]);
        return f;
    }
    void expect_field(const std::vector<float>& field_, const std::vector<float>& signs) const {
        for (size_t k = 0; k < M; ++k)
            ASSERT_NEAR(field_[k], field(k, signs), 2e-5 * std::sqrt(static_cast<double>(M)))
                    << "atom " << k;
    }

private:
    float dot(const float* a, const float* b) const {
        double sum = 0;
        for (size_t j = 0; j < d; ++j) sum += static_cast<double>(a[j]) * static_cast<double>(b[j]);
        return static_cast<float>(sum);
    }
};

/// -log(u), two strides of it.
std::vector<float> noise_for(const Problem& p, uint64_t seed) {
    std::vector<float> noise = normal_numbers(1, 4 * p.stride, seed);
    for (float& draw : noise)
        draw = -std::log(0.5f + 0.5f * std::erf(draw / std::sqrt(2.0f)) + 1e-6f);
    return noise;
}

constexpr size_t kAtomCounts[] = {1, 5, 12, 16, 17, 64, 100, 200};

TEST_P(Solver, GreedySignsFollowTheFieldOfTheEarlierOnes) {
    for (const size_t M : kAtomCounts) {
        const Problem p(M, 24, M);
        std::vector<float> field = p.h, signs(p.stride, -9);
        bqq::kernels::greedy_signs(p.coupling(), field.data(), signs.data());
        for (size_t k = 0; k < M; ++k) {
            double f = static_cast<double>(p.h[k]);
            for (size_t l = 0; l < k; ++l)
                f -= static_cast<double>(p.gram[k * p.stride + l] * signs[l]);
            ASSERT_EQ(signs[k], f < 0 ? -1.0f : 1.0f) << "atom " << k << " of " << M;
        }
        for (size_t k = M; k < p.stride; ++k) ASSERT_EQ(signs[k], 1) << "padding";
        p.expect_field(field, signs);
    }
}

TEST_P(Solver, AnnealingKeepsTheFieldOfItsSigns) {
    for (const size_t M : kAtomCounts)
        for (const size_t sweeps : {0, 1, 7, 40}) {
            SCOPED_TRACE(testing::Message() << "M " << M << " sweeps " << sweeps);
            const Problem p(M, 24, M);
            std::vector<float> field = p.h, signs(p.stride);
            bqq::kernels::greedy_signs(p.coupling(), field.data(), signs.data());
            const std::vector<float> temperatures(sweeps, 0.5f);
            bqq::kernels::anneal_flips(
                    p.coupling(), temperatures, noise_for(p, M), field.data(), signs.data());
            for (size_t k = 0; k < p.stride; ++k)
                ASSERT_TRUE(signs[k] == 1 || (signs[k] == -1 && k < M)) << "sign " << k;
            p.expect_field(field, signs);
        }
}

TEST_P(Solver, SweepFlipsNamesItsFlips) {
    bool flipped_twice = false;
    for (const size_t M : kAtomCounts)
        for (const size_t sweeps : {1, 2, 5})
            for (const float temperature : {0.0f, 2.0f, 100.0f}) {
                SCOPED_TRACE(
                        testing::Message()
                        << "M " << M << " sweeps " << sweeps << " temperature " << temperature);
                const Problem p(M, 24, M);
                std::vector<float> field = p.h, signs(p.stride);
                bqq::kernels::greedy_signs(p.coupling(), field.data(), signs.data());
                std::vector<float> again = signs;
                std::vector<uint32_t> flipped(sweeps * M + 1, ~0u);
                uint64_t random = 3;
                const size_t flips = bqq::kernels::sweep_flips(
                        p.coupling(), temperature, sweeps, noise_for(p, M), random, field.data(),
                        signs.data(), flipped.data());
                ASSERT_LE(flips, sweeps * M);
                EXPECT_EQ(flipped[flips], ~0u) << "written beside the flips";
                std::vector<int> times(M);
                for (size_t f = 0; f < flips; ++f) {
                    ASSERT_LT(flipped[f], M);
                    again[flipped[f]] *= -1;
                    flipped_twice |= ++times[flipped[f]] == 2;
                }
                EXPECT_EQ(again, signs);
                for (size_t k = M; k < p.stride; ++k) ASSERT_EQ(signs[k], 1) << "padding";
            }
    EXPECT_TRUE(flipped_twice);
}

TEST_P(Solver, SweepFlipsDecidesSignBySign) {
    // All draws are 1: a sign is flipped where 4 s f < temperature * unit, the flips before it
    // done.
    for (const size_t M : kAtomCounts)
        for (const size_t sweeps : {1, 2, 3})
            for (const float temperature : {0.0f, 3.0f}) {
                SCOPED_TRACE(
                        testing::Message()
                        << "M " << M << " sweeps " << sweeps << " temperature " << temperature);
                const Problem p(M, 24, M);
                const std::vector<float> noise(2 * p.stride, 1.0f);
                std::vector<float> signs(p.stride, 1.0f), field(p.stride);
                for (size_t k = 0; k < M; ++k) field[k] = static_cast<float>(p.field(k, signs));
                std::vector<float> expected = signs;
                std::vector<uint32_t> expected_flips;
                for (size_t i = 0; i < sweeps * M; ++i) {
                    const size_t k = i % M;
                    const double threshold = static_cast<double>(temperature * p.diagonal[k]);
                    if (4 * static_cast<double>(expected[k]) * p.field(k, expected) >= threshold)
                        continue;
                    expected[k] *= -1;
                    expected_flips.push_back(static_cast<uint32_t>(k));
                }
                std::vector<uint32_t> flipped(sweeps * M);
                uint64_t random = 3;
                flipped.resize(bqq::kernels::sweep_flips(
                        p.coupling(), temperature, sweeps, noise, random, field.data(),
                        signs.data(), flipped.data()));
                EXPECT_EQ(flipped, expected_flips);
                EXPECT_EQ(signs, expected);
                EXPECT_NE(random, 3u) << "the next call has other draws";
            }
}

TEST_P(Solver, NoSingleFlipImprovesTheResult) {
    for (const size_t M : kAtomCounts) {
        const Problem p(M, 24, M);
        std::vector<float> field = p.h, signs(p.stride);
        bqq::kernels::greedy_signs(p.coupling(), field.data(), signs.data());
        bqq::kernels::anneal_flips(
                p.coupling(), std::vector<float>(10, 0.3f), noise_for(p, M), field.data(),
                signs.data());
        const double error = p.error(signs.data());
        for (size_t k = 0; k < M; ++k) {
            signs[k] = -signs[k];
            EXPECT_GE(p.error(signs.data()), error - 1e-4) << "atom " << k << " of " << M;
            signs[k] = -signs[k];
        }
    }
}

TEST_P(Solver, ColdSweepsAloneNeverRaiseTheError) {
    for (uint64_t seed = 0; seed < 50; ++seed) {
        const Problem p(100, 24, seed);
        std::vector<float> field = p.h, signs(p.stride);
        bqq::kernels::greedy_signs(p.coupling(), field.data(), signs.data());
        const double greedy = p.error(signs.data());
        bqq::kernels::anneal_flips(p.coupling(), {}, noise_for(p, 1), field.data(), signs.data());
        EXPECT_LE(p.error(signs.data()), greedy + 1e-5) << "seed " << seed;
    }
}

TEST_P(Solver, AnnealingLowersTheErrorBelowColdSweeps) {
    double cold = 0;
    double annealed = 0;
    for (uint64_t seed = 0; seed < 100; ++seed) {
        const Problem p(64, 32, seed);
        std::vector<float> field = p.h, signs(p.stride);
        BinaryQuadraticProgram(p.atoms, p.M, p.d, 0).solve(field.data(), signs.data());
        cold += p.error(signs.data());
        field = p.h;
        BinaryQuadraticProgram(p.atoms, p.M, p.d).solve(field.data(), signs.data());
        annealed += p.error(signs.data());
    }
    RecordProperty("annealed_over_cold", std::to_string(annealed / cold));
    EXPECT_LT(annealed, 0.96 * cold);
}

TEST_P(Solver, ReachesTheMinimumOfMostSmallPrograms) {
    int reached = 0;
    int programs = 0;
    double error = 0;
    double least = 0;
    for (const size_t M : {1, 4, 8, 10, 12})
        for (uint64_t seed = 0; seed < 20; ++seed) {
            const Problem p(M, 16, 17 * seed + M);
            std::vector<float> field = p.h, signs(p.stride);
            BinaryQuadraticProgram(p.atoms, p.M, p.d).solve(field.data(), signs.data());
            const double minimum = p.least_error();
            reached += p.error(signs.data()) < minimum + 1e-4 ? 1 : 0;
            error += p.error(signs.data());
            least += minimum;
            ++programs;
        }
    RecordProperty("reached", reached);
    RecordProperty("excess", std::to_string(error / least - 1));
    EXPECT_GE(reached, 0.77 * programs); // measured: 0.81, without annealing 0.74
    EXPECT_LT(error, 1.04 * least);
}

TEST_P(Solver, ReconstructionEnergyIsTheSquaredLength) {
    for (const size_t M : kAtomCounts) {
        const Problem p(M, 24, M);
        const BinaryQuadraticProgram program(p.atoms, p.M, p.d);
        ASSERT_EQ(program.stride(), p.stride);
        std::vector<float> field = p.h, signs(p.stride);
        program.solve(field.data(), signs.data());
        double energy = 0;
        for (double value : p.reconstruction(signs.data())) energy += value * value;
        EXPECT_NEAR(
                program.reconstruction_energy(p.h.data(), field.data(), signs.data()), energy,
                1e-4 * (1 + energy));
    }
}

TEST_P(Solver, TheSameProgramHasTheSameSolution) {
    const Problem p(100, 24, 3);
    std::vector<float> first, second;
    for (std::vector<float>* signs : {&first, &second}) {
        const BinaryQuadraticProgram program(p.atoms, p.M, p.d);
        std::vector<float> field = p.h;
        signs->resize(p.stride);
        program.solve(field.data(), signs->data());
    }
    EXPECT_EQ(first, second);
}

TEST_P(Solver, ZeroAtomsAndZeroVectorsAreSolved) {
    Problem p(20, 4, 1);
    std::fill(p.atoms.begin(), p.atoms.end(), 0.0f);
    std::vector<float> field(p.stride), signs(p.stride);
    BinaryQuadraticProgram(p.atoms, p.M, p.d).solve(field.data(), signs.data());
    EXPECT_THAT(field, testing::Each(0));
    EXPECT_THAT(signs, testing::Each(testing::AnyOf(1, -1)));
}

} // namespace solver_test
