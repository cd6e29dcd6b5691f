#include "quantizer_fixture.h"
#include "random_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include "codec/scale_codec.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace scale_codec_test {

using bqq::Metric;
using bqq::Quantizer;
using bqq::ScaleCodec;
using bqq::StoredScales;
using bqq::test::codes_of;
using bqq::test::gaussian_vectors;
using bqq::test::trained;
using testing::ElementsAre;

ScaleCodec codec_of(
        Metric metric, float alpha_least, float alpha_most, float r_least, float r_most) {
    ScaleCodec codec;
    codec.metric = metric;
    codec.set_ranges(alpha_least, alpha_most, r_least, r_most, 0.6f);
    return codec;
}

TEST(ScaleCodec, AlphaKeepsItsRelativePrecision) {
    for (const Metric metric : {Metric::l2, Metric::inner_product}) {
        const ScaleCodec codec = codec_of(metric, 0.1f, 3.2f, 0, 1);
        constexpr double step = 1.0 / 23; // five octaves and the room beside them on 126 steps
        for (double alpha = 0.1; alpha <= 3.2; alpha *= 1.07) {
            uint8_t bytes[3];
            codec.encode({alpha, 1, alpha * alpha}, 0, bytes);
            EXPECT_NEAR(codec.decode(bytes).alpha, alpha, step / 2 * alpha);
        }
    }
}

TEST(ScaleCodec, NormIsWithinHalfAStepOnBothSidesOfZero) {
    const ScaleCodec codec = codec_of(Metric::l2, 0.5f, 1, -2, 1.5f);
    EXPECT_EQ(codec.norm_first, -3);
    for (const double r : {-2.9, -2.0, -0.01, 0.0, 0.5, 2.5}) {
        uint8_t bytes[3];
        codec.encode({1, 1, 1}, 0, bytes);
        const double alpha = codec.decode(bytes).alpha;
        // The centre's part makes nu what it is to be.
        constexpr double x2 = 4;
        const double rest = r * std::fabs(r) - x2 - 2 * (alpha - 1);
        codec.encode({1, 1, x2}, rest / (2 * alpha), bytes);
        const double nu = codec.decode(bytes).nu;
        EXPECT_NEAR(
                std::copysign(std::sqrt(std::fabs(nu)), nu), r,
                0.51 * static_cast<double>(codec.norm_step) + 1e-6);
    }
}

TEST(ScaleCodec, WhatRoundingTakesFromAlphaIsInTheNorm) {
    // For a query at the vector itself w . s is <x, B^T s> plus the centre's part.
    const ScaleCodec codec = codec_of(Metric::l2, 0.01f, 3, -2, 2);
    constexpr double centre_dot = -0.4;
    for (const double alpha : {0.0317, 0.503, 2.71}) {
        constexpr double xhat2 = 0.7, x2 = 6;
        const double dot = alpha * xhat2;
        uint8_t bytes[3];
        codec.encode({dot, xhat2, x2}, centre_dot, bytes);
        const StoredScales stored = codec.decode(bytes);
        EXPECT_NEAR(
                static_cast<double>(stored.nu) -
                        2 * static_cast<double>(stored.alpha) * (dot + centre_dot),
                x2 - 2 * alpha * dot, 2e-3)
                << alpha;
    }
}

TEST(ScaleCodec, AlphasBelowTheRangeAreClamped) {
    const ScaleCodec codec = codec_of(Metric::l2, 0.5f, 2, 0, 1);
    uint8_t bytes[3];
    codec.encode({0.4, 1, 1}, 0, bytes);
    EXPECT_EQ(bytes[0], 1);
    codec.encode({0, 0, 0}, 0, bytes);
    EXPECT_THAT(bytes, ElementsAre(0, 0, 0));
    EXPECT_EQ(codec.decode(bytes).alpha, 0);
}

TEST(ScaleCodec, FarVectorsKeepARelativePrecision) {
    for (const float least : {0.5f, 0.0f}) // 0: nothing was learned
        for (const Metric metric : {Metric::l2, Metric::inner_product}) {
            const bool l2 = metric == Metric::l2;
            const ScaleCodec codec = codec_of(metric, least, 4 * least, 0, 1);
            for (const double far : {1e1, 1e3, 1e6, l2 ? 1e15 : 1e8})
                for (const double cosine : {0.1, 0.5, 1.0}) {
                    SCOPED_TRACE(testing::Message() << least << " " << far << " " << cosine);
                    // A calibration is about near neighbours and has no part in this.
                    ScaleCodec calibrated = codec;
                    calibrated.calibration = 0.4f;
                    const double xhat2 = 3, alpha = far * cosine / std::sqrt(xhat2);
                    if (!l2 && alpha < 3) continue; // near, or below all far ones
                    uint8_t bytes[3];
                    calibrated.encode({alpha * xhat2, xhat2, far * far}, 0, bytes);
                    EXPECT_GT(bytes[0], codec.last_near);
                    const StoredScales stored = calibrated.decode(bytes);
                    EXPECT_NEAR(stored.alpha, alpha, (l2 ? 0.04 : 0.13) * alpha);
                    if (l2) {
                        EXPECT_NEAR(stored.nu, far * far, 0.008 * far * far);
                    }
                }
        }
}

TEST(ScaleCodec, AFarVectorFromItsCentreHasTheCentresPartInItsNorm) {
    const ScaleCodec codec = codec_of(Metric::l2, 0.5f, 2, -1, 1);
    uint8_t bytes[3];
    codec.encode({1e3, 1, 1e6}, -2e3, bytes);
    EXPECT_NEAR(codec.decode(bytes).nu, 1e6 - 4e6, 0.03e6);
}

TEST(ScaleCodec, UncalibratedScalesAreTheLeastSquares) {
    const ScaleCodec codec;
    const StoredScales scales = codec.calibrate({2, 4, 3});
    EXPECT_FLOAT_EQ(scales.alpha, 0.5f);
    EXPECT_FLOAT_EQ(scales.nu, 3);
}

/// What training vectors' codes hold is near to what their signs ask for.
TEST(ScaleCodec, StoredScalesOfCodesAreNearTheExactOnes) {
    constexpr size_t d = 16, M = 32, n = 400;
    const std::vector<float> x = gaussian_vectors(n, d, 1);
    for (const Metric metric : {Metric::l2, Metric::inner_product}) {
        const Quantizer quantizer = trained(x, d, M, metric);
        const bqq::Basis& basis = quantizer.basis(0);
        const std::vector<float> B = basis.expanded();
        const std::vector<uint8_t> codes = codes_of(quantizer, x);
        double worst_alpha = 0;
        double worst_score = 0;
        for (size_t i = 0; i < n; ++i) {
            const uint8_t* code = codes.data() + i * quantizer.code_size();
            double dot = 0, xhat2 = 0, x2 = 0;
            for (size_t j = 0; j < d; ++j) {
                const double unit =
                        (static_cast<double>(x[i * d + j]) - static_cast<double>(basis.mean[j])) /
                        static_cast<double>(basis.scale);
                double sum = 0;
                for (size_t k = 0; k < M; ++k)
                    sum += (code[k / 8] >> (k % 8) & 1) != 0 ? static_cast<double>(B[k * d + j])
                                                             : -static_cast<double>(B[k * d + j]);
                dot += unit * sum;
                xhat2 += sum * sum;
                x2 += unit * unit;
            }
            const StoredScales exact = basis.scales.calibrate({dot, xhat2, x2});
            const StoredScales stored = basis.scales.decode(code + quantizer.bits_size());
            worst_alpha = std::max(
                    worst_alpha, static_cast<double>(std::fabs(stored.alpha / exact.alpha - 1)));
            if (metric != Metric::l2) continue;
            // The norm also holds what rounding took from alpha: the score of the vector itself is
            // exact.
            const auto score = [&](const StoredScales& scales) {
                return static_cast<double>(scales.nu) - 2 * static_cast<double>(scales.alpha) * dot;
            };
            worst_score = std::max(worst_score, std::fabs(score(stored) - score(exact)) / x2);
        }
        RecordProperty("worst_alpha", std::to_string(worst_alpha));
        EXPECT_LT(worst_alpha, 0.05);
        EXPECT_LT(worst_score, 0.002);
    }
}

} // namespace scale_codec_test
