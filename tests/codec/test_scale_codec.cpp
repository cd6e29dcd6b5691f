#include "quantizer_fixture.h"
#include "random_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include "codec/scale_codec.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace {

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
    codec.set_ranges(alpha_least, alpha_most, r_least, r_most);
    return codec;
}

TEST(ScaleCodec, AlphaKeepsItsRelativePrecision) {
    for (const Metric metric : {Metric::l2, Metric::inner_product}) {
        const ScaleCodec codec = codec_of(metric, 0.1f, 3.2f, 0, 1);
        for (float alpha = 0.1f; alpha <= 3.2f; alpha *= 1.07f) {
            uint8_t bytes[3];
            codec.encode({alpha, 1}, 0, 0, bytes);
            // Five octaves and the room beside them on 254 steps, none above a 46th of its octave.
            EXPECT_NEAR(codec.decode(bytes).alpha, alpha, 0.011f * alpha);
        }
    }
}

TEST(ScaleCodec, NormIsWithinHalfAStepOnBothSidesOfZero) {
    const ScaleCodec codec = codec_of(Metric::l2, 0.5f, 1, -2, 1.5f);
    EXPECT_EQ(codec.norm_first, -8);
    for (const float r : {-7.9f, -2.0f, -0.01f, 0.0f, 0.5f, 6.5f}) {
        uint8_t bytes[3];
        codec.encode({0, r * std::fabs(r)}, 0, 0, bytes);
        const float nu = codec.decode(bytes).nu;
        EXPECT_NEAR(
                std::copysign(std::sqrt(std::fabs(nu)), nu), r, 0.51f * codec.norm_step + 1e-6f);
    }
}

TEST(ScaleCodec, WhatRoundingTakesFromAlphaIsInTheNorm) {
    // For a query at the vector itself w . s is <x, B^T s> plus the centre's part.
    const ScaleCodec codec = codec_of(Metric::l2, 0.01f, 3, -2, 2);
    constexpr double dot = 0.7;
    constexpr double centre_dot = -0.4;
    for (const float alpha : {0.0317f, 0.503f, 2.71f, 9.0f}) {
        uint8_t bytes[3];
        codec.encode({alpha, 0.8f}, dot, centre_dot, bytes);
        const StoredScales stored = codec.decode(bytes);
        EXPECT_NEAR(
                static_cast<double>(stored.nu) -
                        2 * static_cast<double>(stored.alpha) * (dot + centre_dot),
                0.8 - 2 * static_cast<double>(alpha) * dot, 2e-3)
                << alpha;
    }
}

TEST(ScaleCodec, ValuesOutsideTheRangeAreClamped) {
    const ScaleCodec codec = codec_of(Metric::l2, 0.5f, 2, 0, 1);
    uint8_t bytes[3];
    codec.encode({1e9f, 1e10f}, 0, 0, bytes);
    EXPECT_THAT(bytes, ElementsAre(255, 255, 255));
    codec.encode({0.4f, 1}, 0, 0, bytes);
    EXPECT_EQ(bytes[0], 1);
    codec.encode({0, 0}, 0, 0, bytes);
    EXPECT_THAT(bytes, ElementsAre(0, 0, 0));
    EXPECT_EQ(codec.decode(bytes).alpha, 0);
}

TEST(ScaleCodec, UncalibratedScalesAreTheLeastSquares) {
    const ScaleCodec codec;
    const StoredScales scales = codec.calibrate(2, 4, 3);
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
            const StoredScales exact = basis.scales.calibrate(dot, xhat2, x2);
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
        EXPECT_LT(worst_alpha, 0.03);
        EXPECT_LT(worst_score, 0.002);
    }
}

} // namespace
