#include "codec/tied_atoms.h"
#include "kernels/sums_in_double.h"
#include "quantizer_fixture.h"
#include "random_data.h"

#include <bqq/error.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

namespace tied_atoms_test {

using bqq::Atoms;
using bqq::Basis;
using bqq::Metric;
using bqq::Quantizer;
using bqq::test::gaussian_vectors;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

Quantizer tied_quantizer(
        const std::vector<float>& x, size_t d, size_t M, Metric metric = Metric::l2,
        size_t bases = 1) {
    Quantizer quantizer(d, M, metric, {}, bases, Atoms::tied);
    quantizer.train(x);
    return quantizer;
}

TEST(AllotBits, GoToTheLargestErrors) {
    EXPECT_THAT(bqq::allot_bits(std::vector<double>{1, 1, 1}, 6), ElementsAre(2, 2, 2));
    EXPECT_THAT(bqq::allot_bits(std::vector<double>{16, 1, 1}, 5), ElementsAre(3, 1, 1));
    EXPECT_THAT(bqq::allot_bits(std::vector<double>{1, 0.01, 0.001}, 2), ElementsAre(2));
    EXPECT_THAT(bqq::allot_bits(std::vector<double>{0, 0}, 1), ElementsAre(1));
    EXPECT_THAT(bqq::allot_bits(std::vector<double>{1}, 40), ElementsAre(40));
}

// Of normal numbers with evenly spaced levels: Max, 1960. The stored length takes some of it.
TEST(TiedAtoms, ReachTheErrorOfTheBestScalarQuantizer) {
    constexpr size_t d = 12;
    const std::vector<float> x = bqq::test::normal_numbers(20000, d, 1);
    const std::vector<float> others = bqq::test::normal_numbers(2000, d, 2);
    for (const auto& [bits, error] :
         {std::pair(1, 0.3634), {2, 0.1188}, {3, 0.0374}, {4, 0.0115}, {6, 0.00104}}) {
        const Quantizer quantizer = tied_quantizer(x, d, d * static_cast<size_t>(bits));
        const double measured = bqq::test::relative_error(quantizer, others);
        EXPECT_LT(measured, 1.06 * error) << bits << " bits a dimension";
        EXPECT_GT(measured, 0.5 * error) << bits << " bits a dimension";
    }
}

TEST(TiedAtoms, GoOnHalvingBeyondTheirTables) {
    constexpr size_t d = 3;
    const Quantizer quantizer = tied_quantizer(bqq::test::normal_numbers(20000, d, 1), d, 14 * d);
    // Before the length is stored in a byte.
    EXPECT_LT(quantizer.coding_error(bqq::test::normal_numbers(500, d, 2)).of_vectors / d, 1e-6);
}

/// The least |x - B^T s|^2 over all s.
double least_error(const Basis& basis, const float* x) {
    const std::vector<float> B = basis.expanded();
    double least = std::numeric_limits<double>::infinity();
    for (size_t pattern = 0; pattern < size_t{1} << basis.M; ++pattern) {
        std::vector<float> sum(basis.d);
        for (size_t k = 0; k < basis.M; ++k)
            for (size_t j = 0; j < basis.d; ++j)
                sum[j] += (pattern >> k & 1) != 0 ? B[k * basis.d + j] : -B[k * basis.d + j];
        least = std::min(least, bqq::kernels::squared_distance(x, sum.data(), basis.d));
    }
    return least;
}

TEST(TiedAtoms, SignsAreTheNearest) {
    constexpr size_t d = 4, M = 11, n = 40;
    std::vector<float> x = gaussian_vectors(5000, d, 1);
    const Quantizer quantizer = tied_quantizer(x, d, M);
    const Basis& basis = quantizer.basis(0);
    ASSERT_TRUE(basis.tied());
    const bqq::TiedSignEncoder encoder(basis);
    bqq::SignEncoder::Scratch scratch;
    const std::vector<float> B = basis.expanded();
    double found = 0, best = 0;
    for (size_t i = 0; i < n; ++i) {
        std::vector<float> unit(d), signs(encoder.stride()), sum(d);
        basis.to_unit(x.data() + i * d, basis.mean.data(), unit.data());
        const double x2 = bqq::kernels::squared_norm(unit.data(), d);
        encoder.encode(unit.data(), d, &x2, 1, signs.data(), {}, scratch);
        for (size_t k = 0; k < M; ++k)
            for (size_t j = 0; j < d; ++j) sum[j] += signs[k] * B[k * d + j];
        found += bqq::kernels::squared_distance(unit.data(), sum.data(), d);
        best += least_error(basis, unit.data());
    }
    EXPECT_GE(found, best * (1 - 1e-5));
    EXPECT_LT(found, best * 1.01) << "but for planes that are not quite orthogonal";
}

TEST(TiedAtoms, FitsAreThoseOfTheSigns) {
    constexpr size_t d = 20, M = 50;
    const std::vector<float> x = gaussian_vectors(3000, d, 1);
    const Quantizer quantizer = tied_quantizer(x, d, M);
    const Basis& basis = quantizer.basis(0);
    const bqq::TiedSignEncoder encoder(basis);
    bqq::SignEncoder::Scratch scratch;
    const std::vector<float> B = basis.expanded();
    for (size_t i = 0; i < 20; ++i) {
        std::vector<float> unit(d), signs(encoder.stride()), sum(d), w(M), w_of_signs(M);
        basis.to_unit(x.data() + i * d, basis.mean.data(), unit.data());
        const double x2 = bqq::kernels::squared_norm(unit.data(), d);
        const float weight = bqq::gain_weight(x2);
        std::vector<float> weighted = unit;
        for (float& value : weighted) value *= weight;
        bqq::Fit fit{};
        encoder.encode(weighted.data(), d, &x2, 1, signs.data(), {&fit, 1}, scratch);
        for (size_t k = 0; k < M; ++k)
            for (size_t j = 0; j < d; ++j) sum[j] += signs[k] * B[k * d + j];
        const double xhat2 = bqq::kernels::squared_norm(sum.data(), d);
        EXPECT_NEAR(fit.x2, x2, 1e-6 * x2);
        EXPECT_NEAR(fit.dot, bqq::kernels::inner_product(unit.data(), sum.data(), d), 1e-4 * x2);
        EXPECT_NEAR(fit.xhat2, xhat2, 1e-3 * xhat2);
        encoder.project(sum.data(), 1, w.data());
        encoder.project_signs(signs.data(), w_of_signs.data());
        for (size_t k = 0; k < M; ++k) EXPECT_NEAR(w_of_signs[k], w[k], 1e-4);
    }
}

TEST(TiedAtoms, LongAndShortVectorsKeepTheirDirection) {
    constexpr size_t d = 20, M = 80;
    const std::vector<float> x = gaussian_vectors(3000, d, 1);
    const Quantizer quantizer = tied_quantizer(x, d, M);
    const std::vector<float>& mean = quantizer.basis(0).mean;
    for (const float length : {1e-3f, 10.0f, 1e6f, 1e15f}) {
        std::vector<float> moved(x.begin(), x.begin() + 50 * d);
        for (size_t i = 0; i < moved.size(); ++i)
            moved[i] = mean[i % d] + length * (moved[i] - mean[i % d]);
        EXPECT_LT(bqq::test::relative_error(quantizer, moved), length < 1 ? 1 : 0.1) << length;
    }
}

TEST(TiedAtoms, AreMadeOfFewerDirections) {
    constexpr size_t d = 24, M = 96;
    const std::vector<float> x = gaussian_vectors(3000, d, 1);
    const Quantizer quantizer = tied_quantizer(x, d, M);
    const Basis& basis = quantizer.basis(0);
    EXPECT_LE(basis.directions(), d);
    EXPECT_EQ(basis.rho.size(), basis.directions() * static_cast<size_t>(basis.depth));
    EXPECT_EQ(basis.step.size(), M);
    for (size_t k = 1; k < M; ++k)
        EXPECT_GE(std::fabs(basis.step[k - 1]), std::fabs(basis.step[k]));
    // Products with vectors are those of the expanded atoms, whatever the number of vectors.
    const std::vector<float> B = basis.expanded();
    std::vector<float> together(7 * M), alone(M);
    basis.project(x.data(), 7, together.data());
    for (size_t i = 0; i < 7; ++i) {
        basis.project(x.data() + i * d, 1, alone.data());
        for (size_t k = 0; k < M; ++k) {
            EXPECT_EQ(together[i * M + k], alone[k]);
            EXPECT_NEAR(
                    alone[k], bqq::kernels::inner_product(B.data() + k * d, x.data() + i * d, d),
                    1e-4);
        }
    }
}

TEST(TiedAtoms, AreChosenWhereTheyAreBetter) {
    const auto chosen = [](size_t d, size_t M, std::optional<Atoms> atoms = {}) {
        return Quantizer(d, M, Metric::l2, {}, 1, atoms).atoms();
    };
    EXPECT_EQ(chosen(512, 512), Atoms::free);
    EXPECT_EQ(chosen(512, 513), Atoms::tied);
    EXPECT_EQ(chosen(100, 399), Atoms::free);
    EXPECT_EQ(chosen(100, 400), Atoms::tied);
    EXPECT_EQ(chosen(100, 400, Atoms::free), Atoms::free);
    EXPECT_EQ(chosen(100, 8, Atoms::tied), Atoms::tied);
}

TEST(TiedAtoms, ServeBothMetricsAndSeveralBases) {
    constexpr size_t d = 16, M = 64;
    const std::vector<float> x = gaussian_vectors(4000, d, 1);
    for (const Metric metric : {Metric::l2, Metric::inner_product})
        for (const size_t bases : {1, 3}) {
            const Quantizer quantizer = tied_quantizer(x, d, M, metric, bases);
            EXPECT_EQ(quantizer.bases(), bases);
            EXPECT_LT(bqq::test::relative_error(quantizer, x), 0.02);
            EXPECT_EQ(
                    bqq::test::codes_of(quantizer, x),
                    bqq::test::codes_of(tied_quantizer(x, d, M, metric, bases), x));
        }
}

TEST(TiedAtoms, EqualAndFewVectorsAreCoded) {
    for (const std::vector<float>& x :
         {std::vector<float>(64 * 8, 1.5f), bqq::test::normal_numbers(64, 8, 1),
          bqq::test::normal_numbers(64, 1, 1)}) {
        const size_t d = x.size() / 64;
        const std::vector<float> y = bqq::test::decoded(tied_quantizer(x, d, 64), x);
        for (size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(y[i], x[i], 0.1);
    }
}

TEST(TiedAtoms, RefuseValuesThatNoBasisHas) {
    const std::vector<float> x = gaussian_vectors(500, 16, 1);
    Quantizer quantizer = tied_quantizer(x, 16, 64);
    const Basis good = quantizer.basis(0);
    ASSERT_LT(good.directions(), 64U);
    const std::vector<std::pair<const char*, std::function<void(Basis&)>>> faults = {
            {"an atom of direction 16", [](Basis& b) { b.direction_of[3] = 16; }},
            {"directions of atoms of size 63", [](Basis& b) { b.direction_of.pop_back(); }},
            {"steps of size 65", [](Basis& b) { b.step.push_back(1); }},
            {"step nan", [](Basis& b) { b.step[2] = std::numeric_limits<float>::quiet_NaN(); }},
            {"65 directions of 64 atoms", [](Basis& b) { b.tied_directions = 65; }},
            {"rho of size 128", [](Basis& b) { b.tied_directions = 15; }},
    };
    ASSERT_EQ(good.directions(), 16U);
    for (const auto& [name, spoil] : faults) {
        Basis bad = good;
        spoil(bad);
        EXPECT_THAT(
                [&] { quantizer.set_bases({bad}); },
                ThrowsMessage<bqq::InvalidArgument>(HasSubstr(name)));
    }
}

} // namespace tied_atoms_test
