#include "base/omp_threads.h"
#include "quantizer_fixture.h"
#include "random_data.h"

#include <bqq/quantizer.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace quantizer_test {

using bqq::Error;
using bqq::InvalidArgument;
using bqq::Metric;
using bqq::OmpThreads;
using bqq::Quantizer;
using bqq::TrainingParameters;
using bqq::test::codes_of;
using bqq::test::decoded;
using bqq::test::Encoded;
using bqq::test::encoded;
using bqq::test::gaussian_vectors;
using bqq::test::normal_numbers;
using bqq::test::relative_error;
using bqq::test::trained;
using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::ThrowsMessage;
using testing::Truly;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

const auto is_finite = Truly([](float value) { return std::isfinite(value); });

TEST(Quantizer, CodeSizeIsBitsAndScales) {
    for (const size_t M : {1, 7, 8, 9, 64, 100}) {
        EXPECT_EQ(Quantizer(3, M, Metric::l2).code_size(), (M + 7) / 8 + 3);
        EXPECT_EQ(Quantizer(3, M, Metric::inner_product).code_size(), (M + 7) / 8 + 1);
    }
}

TEST(Quantizer, RefusesSizesThatNoQuantizerHas) {
    const auto make = [](size_t d, size_t M, int depth) {
        return [=] { Quantizer(d, M, Metric::l2, depth); };
    };
    EXPECT_THAT(make(0, 8, 8), ThrowsMessage<InvalidArgument>(HasSubstr("d = 0")));
    EXPECT_THAT(make(4, 0, 8), ThrowsMessage<InvalidArgument>(HasSubstr("0 bits")));
    EXPECT_THAT(make(4, 8193, 8), ThrowsMessage<InvalidArgument>(HasSubstr("8193")));
    EXPECT_THAT(make(4, 8, 0), ThrowsMessage<InvalidArgument>(HasSubstr("depth 0")));
    EXPECT_THAT(make(4, 8, 17), ThrowsMessage<InvalidArgument>(HasSubstr("17")));
    EXPECT_THAT(make(4, 8, -1), ThrowsMessage<InvalidArgument>(HasSubstr("-1")));
    for (const size_t bases : {0, 257})
        EXPECT_THAT(
                [&] { Quantizer(4, 8, Metric::l2, 8, bases); },
                ThrowsMessage<InvalidArgument>(HasSubstr(std::to_string(bases) + " local bases")));
}

TEST(Quantizer, ErrorFallsWithEachDoublingOfTheBits) {
    constexpr size_t d = 24;
    const std::vector<float> base = gaussian_vectors(2000, d, 1);
    const std::vector<float> others = gaussian_vectors(500, d, 2);
    double before = 1;
    for (const size_t M : {8, 16, 32, 64}) {
        const double error = relative_error(trained(base, d, M), others);
        RecordProperty("error_" + std::to_string(M), std::to_string(error));
        EXPECT_LT(error, 0.8 * before) << M;
        before = error;
    }
}

TEST(Quantizer, ErrorIsBelowThatOfTheSignsOfPrincipalComponents) {
    constexpr size_t d = 24;
    const std::vector<float> base = gaussian_vectors(2000, d, 1);
    const std::vector<float> others = gaussian_vectors(1000, d, 2);
    for (const size_t M : {8, 16, 24}) {
        // Of a Gaussian, the sign leaves 1 - 2/pi of the variance.
        double total = 0;
        double left = 0;
        for (size_t j = 0; j < d; ++j) {
            const double variance = 1 / static_cast<double>(j + 1);
            total += variance;
            left += j < M ? variance * (1 - 2 / std::numbers::pi) : variance;
        }
        const double error = relative_error(trained(base, d, M), others);
        RecordProperty("ratio_" + std::to_string(M), std::to_string(error / (left / total)));
        EXPECT_LT(error, 0.9 * left / total) << M;
    }
}

TEST(Quantizer, EveryDepthTrainsAndDeeperIsNotWorse) {
    constexpr size_t d = 16, M = 24;
    const std::vector<float> base = gaussian_vectors(400, d, 1);
    double before = 1;
    for (int depth = 1; depth <= Quantizer::kMaxDepth; ++depth) {
        const double error = relative_error(trained(base, d, M, Metric::l2, depth), base);
        RecordProperty("error_" + std::to_string(depth), std::to_string(error));
        EXPECT_LT(error, 1.03 * before) << depth;
        before = error;
    }
}

/// Codes and planes are fitted to each other: the error against that of a basis which is as good as
/// float.
TEST(Quantizer, FewPlanesLoseLittle) {
    constexpr size_t d = 96, M = 64;
    const std::vector<float> base = gaussian_vectors(2000, d, 1, 0.8);
    const std::vector<float> others = gaussian_vectors(1000, d, 2, 0.8);
    const double least = relative_error(trained(base, d, M, Metric::l2, 16), others);
    for (const auto& [depth, most] : {std::pair{1, 3.7}, {2, 1.095}, {3, 1.03}, {4, 1.025}}) {
        const double error = relative_error(trained(base, d, M, Metric::l2, depth), others);
        RecordProperty("ratio_" + std::to_string(depth), std::to_string(error / least));
        EXPECT_LT(error, most * least) << "depth " << depth;
    }
}

TEST(Quantizer, SameSeedSameCodesOnAnyNumberOfThreads) {
    constexpr size_t d = 20, M = 24;
    const std::vector<float> x = gaussian_vectors(1200, d, 1);
    for (const Metric metric : {Metric::l2, Metric::inner_product})
        for (const size_t bases : {1, 3}) {
            std::optional<Quantizer> first;
            Encoded codes;
            for (const int threads : {1, 2, 3}) {
                const OmpThreads limit(threads);
                const Quantizer quantizer = trained(x, d, M, metric, {}, bases);
                if (!first) {
                    first = quantizer;
                    codes = encoded(quantizer, x);
                }
                EXPECT_EQ(quantizer.bases(), bases);
                EXPECT_EQ(quantizer, *first) << threads << " threads";
                EXPECT_EQ(encoded(quantizer, x), codes) << threads << " threads";
            }
        }
}

TEST(Quantizer, AnotherSeedAnotherBasis) {
    constexpr size_t d = 20, M = 16;
    const std::vector<float> x = gaussian_vectors(1000, d, 1);
    TrainingParameters parameters;
    parameters.max_points_per_atom = 20;
    Quantizer a(d, M, Metric::l2), b = a, c = a;
    a.train(x, parameters);
    c.train(x, parameters);
    parameters.seed = 4321;
    b.train(x, parameters);
    EXPECT_EQ(a.basis(0), c.basis(0));
    EXPECT_NE(a.basis(0), b.basis(0));
}

TEST(Quantizer, CodeIsAFunctionOfTheVectorAlone) {
    constexpr size_t d = 20;
    const std::vector<float> x = gaussian_vectors(2600, d, 1);
    for (const size_t bases : {1, 3}) {
        const Quantizer quantizer = trained(x, d, 24, Metric::l2, {}, bases);
        ASSERT_EQ(quantizer.bases(), bases);
        const Encoded all = encoded(quantizer, x);
        const size_t size = quantizer.code_size();
        for (size_t i = 0; i < 2600; i += 13) {
            const auto row = x.begin() + static_cast<std::ptrdiff_t>(i * d);
            const Encoded one = encoded(quantizer, {row, row + d});
            const auto code = all.codes.begin() + static_cast<std::ptrdiff_t>(i * size);
            ASSERT_TRUE(std::equal(one.codes.begin(), one.codes.end(), code)) << "vector " << i;
            ASSERT_EQ(one.lists[0], all.lists[i]) << "vector " << i;
        }
        const std::vector<float> y = decoded(quantizer, all);
        std::vector<float> one(d);
        quantizer.decode(
                std::span(all.codes).subspan(77 * size, size), std::span(all.lists).subspan(77, 1),
                one);
        EXPECT_TRUE(std::equal(one.begin(), one.end(), y.begin() + 77 * d));
    }
}

TEST(Quantizer, PaddingBitsAreZero) {
    constexpr size_t d = 6, M = 11;
    const std::vector<float> x = gaussian_vectors(200, d, 1);
    const Quantizer quantizer = trained(x, d, M);
    const std::vector<uint8_t> codes = codes_of(quantizer, x);
    for (size_t i = 0; i < 200; ++i) EXPECT_LT(codes[i * quantizer.code_size() + 1], 1 << 3);
}

TEST(Quantizer, ReportsEachRoundOfTraining) {
    const std::vector<float> x = gaussian_vectors(200, 8, 1);
    TrainingParameters parameters;
    parameters.rounds = 5;
    std::vector<size_t> steps;
    std::vector<std::string> messages;
    parameters.progress.step = [&](const std::string& stage, size_t done, size_t total) {
        EXPECT_FALSE(stage.empty());
        EXPECT_EQ(total, 5u);
        steps.push_back(done);
    };
    parameters.progress.log = [&](const std::string& message) { messages.push_back(message); };
    Quantizer(8, 16, Metric::l2).train(x, parameters);
    EXPECT_THAT(steps, ElementsAre(1, 2, 3, 4, 5));
    EXPECT_THAT(messages, IsEmpty());
}

TEST(Quantizer, SaysWhenItCutsTheTrainingSet) {
    const std::vector<float> x = gaussian_vectors(200, 8, 1);
    TrainingParameters parameters;
    parameters.max_points_per_atom = 4;
    std::vector<std::string> messages;
    parameters.progress.log = [&](const std::string& message) { messages.push_back(message); };
    Quantizer(8, 16, Metric::l2).train(x, parameters);
    EXPECT_THAT(messages, ElementsAre(AllOf(HasSubstr("64"), HasSubstr("200"))));
}

TEST(Quantizer, TooFewVectorsNamesBothNumbers) {
    const std::vector<float> x = gaussian_vectors(37, 8, 1);
    Quantizer quantizer(8, 41, Metric::l2);
    EXPECT_THAT(
            [&] { quantizer.train(x); },
            ThrowsMessage<InvalidArgument>(AllOf(HasSubstr("37"), HasSubstr("41"))));
    EXPECT_FALSE(quantizer.is_trained());
    EXPECT_THAT(
            [&] { quantizer.train({}); },
            ThrowsMessage<InvalidArgument>(AllOf(HasSubstr("0"), HasSubstr("41"))));
}

TEST(Quantizer, AsManyVectorsAsAtomsAreEnough) {
    const std::vector<float> x = gaussian_vectors(41, 8, 1);
    const Quantizer quantizer = trained(x, 8, 41);
    EXPECT_TRUE(quantizer.is_trained());
    EXPECT_THAT(decoded(quantizer, x), Each(is_finite));
}

TEST(Quantizer, NaNAndInfinityAreNamedWithRowAndColumn) {
    const std::vector<float> good = gaussian_vectors(100, 8, 1);
    const Quantizer quantizer = trained(good, 8, 16);
    for (const float value : {kNaN, kInfinity, -kInfinity}) {
        std::vector<float> bad = good;
        bad[73 * 8 + 5] = value;
        const auto where = AllOf(HasSubstr("row 73"), HasSubstr("column 5"));
        EXPECT_THAT([&] { trained(bad, 8, 16); }, ThrowsMessage<InvalidArgument>(where));
        EXPECT_THAT([&] { codes_of(quantizer, bad); }, ThrowsMessage<InvalidArgument>(where));
    }
}

TEST(Quantizer, FailedTrainingLeavesTheQuantizerAsItWas) {
    const std::vector<float> x = gaussian_vectors(100, 8, 1);
    Quantizer quantizer = trained(x, 8, 16);
    const std::vector<uint8_t> codes = codes_of(quantizer, x);
    std::vector<float> bad = gaussian_vectors(100, 8, 2);
    bad.back() = kNaN;
    EXPECT_THROW(quantizer.train(bad), InvalidArgument);
    EXPECT_THROW(quantizer.train(std::span(x).first(15 * 8)), InvalidArgument);
    EXPECT_TRUE(quantizer.is_trained());
    EXPECT_EQ(codes_of(quantizer, x), codes);
}

TEST(Quantizer, NeedsTraining) {
    const Quantizer quantizer(8, 16, Metric::l2);
    EXPECT_FALSE(quantizer.is_trained());
    EXPECT_EQ(quantizer.bases(), 0u);
    EXPECT_EQ(quantizer.depth(), 0);
    EXPECT_EQ(quantizer.memory_bytes().total(), 0u);
    std::vector<float> x(8);
    std::vector<uint8_t> code(quantizer.code_size());
    EXPECT_THAT([&] { quantizer.encode(x, code); }, ThrowsMessage<Error>(HasSubstr("encode()")));
    EXPECT_THAT(
            [&] { quantizer.decode(code, {}, x); }, ThrowsMessage<Error>(HasSubstr("decode()")));
}

TEST(Quantizer, NoVectorsAreNoError) {
    const Quantizer quantizer = trained(gaussian_vectors(100, 8, 1), 8, 16);
    EXPECT_NO_THROW(quantizer.encode({}, {}, {}));
    EXPECT_NO_THROW(quantizer.decode({}, {}, {}));
}

TEST(Quantizer, SizesThatDoNotFitAreNamed) {
    const std::vector<float> x = gaussian_vectors(100, 8, 1);
    Quantizer quantizer = trained(x, 8, 16);
    ASSERT_EQ(quantizer.code_size(), 5u);
    const auto encode = [&](size_t numbers, size_t bytes, size_t lists) {
        return [&quantizer, &x, numbers, bytes, lists] {
            std::vector<uint8_t> codes(bytes);
            std::vector<uint32_t> of(lists);
            quantizer.encode(std::span(x).first(numbers), codes, of);
        };
    };
    EXPECT_NO_THROW(encode(16, 10, 2)());
    EXPECT_NO_THROW(encode(16, 10, 0)());
    const auto names = [](const char* wrong, const char* right) {
        return ThrowsMessage<InvalidArgument>(AllOf(HasSubstr(wrong), HasSubstr(right)));
    };
    EXPECT_THAT(encode(17, 10, 2), names("17", "d = 8"));
    EXPECT_THAT(encode(16, 9, 2), names("size 9", "10"));
    EXPECT_THAT(encode(16, 10, 3), names("size 3", "2"));
    EXPECT_THAT([&] { quantizer.train(std::span(x).first(799)); }, names("799", "d = 8"));
    const auto decode = [&](size_t numbers, size_t bytes, size_t lists) {
        return [&quantizer, numbers, bytes, lists] {
            std::vector<float> y(numbers);
            quantizer.decode(std::vector<uint8_t>(bytes), std::vector<uint32_t>(lists), y);
        };
    };
    EXPECT_NO_THROW(decode(16, 10, 2)());
    EXPECT_NO_THROW(decode(16, 10, 0)());
    EXPECT_THAT(decode(17, 10, 2), names("17", "d = 8"));
    EXPECT_THAT(decode(16, 11, 2), names("size 11", "10"));
    EXPECT_THAT(decode(16, 10, 1), names("size 1", "2"));
}

TEST(Quantizer, TheEncoderIsMadeWhenItIsNeededAndCanBeLetGo) {
    constexpr size_t d = 40, M = 64;
    const std::vector<float> x = gaussian_vectors(1000, d, 1);
    for (const size_t bases : {1, 2}) {
        Quantizer quantizer = trained(x, d, M, Metric::l2, 4, bases);
        ASSERT_EQ(quantizer.bases(), bases);
        const bqq::MemoryBytes before = quantizer.memory_bytes();
        EXPECT_GE(before.bases, bases * M * d * 4 / 8);
        EXPECT_LE(before.bases, bases * (M * (d + 32) * 4 / 8 + 4 * (d + 4 * M) + 512));
        EXPECT_LT(before.encoder, 1000u) << "made before it is needed";
        EXPECT_EQ(before.codes + before.ids + before.coarse, 0u);

        const Encoded codes = encoded(quantizer, x);
        const bqq::MemoryBytes after = quantizer.memory_bytes();
        EXPECT_EQ(after.bases, before.bases);
        EXPECT_GE(after.encoder, before.encoder + bases * M * (M + d) * sizeof(float));
        EXPECT_EQ(after.total(), after.bases + after.encoder);

        const Quantizer copy = quantizer;
        quantizer.release_encoder();
        EXPECT_EQ(quantizer.memory_bytes().total(), before.total());
        EXPECT_EQ(encoded(quantizer, x), codes);
        EXPECT_EQ(encoded(copy, x), codes);
        EXPECT_EQ(quantizer.memory_bytes().total(), after.total());
    }
    Quantizer untrained(d, M, Metric::l2);
    EXPECT_NO_THROW(untrained.release_encoder());
}

TEST(Quantizer, EqualQuantizersMakeTheSameCodes) {
    const std::vector<float> x = gaussian_vectors(200, 8, 1);
    const Quantizer quantizer = trained(x, 8, 16);
    EXPECT_EQ(quantizer, trained(x, 8, 16));
    EXPECT_NE(quantizer, trained(gaussian_vectors(200, 8, 2), 8, 16));
    EXPECT_NE(quantizer, Quantizer(8, 16, Metric::l2));
    EXPECT_EQ(Quantizer(8, 16, Metric::l2), Quantizer(8, 16, Metric::l2));
    EXPECT_NE(Quantizer(8, 16, Metric::l2), Quantizer(8, 17, Metric::l2));
    EXPECT_NE(Quantizer(8, 16, Metric::l2), Quantizer(8, 16, Metric::inner_product));
}

TEST(Quantizer, CopiesAreIndependent) {
    const std::vector<float> x = gaussian_vectors(100, 8, 1);
    Quantizer quantizer = trained(x, 8, 16);
    const std::vector<uint8_t> codes = codes_of(quantizer, x);
    const Quantizer copy = quantizer;
    const std::vector<float> other = gaussian_vectors(100, 8, 2, 1.5);
    quantizer.train(other);
    EXPECT_EQ(codes_of(copy, x), codes);
    EXPECT_NE(codes_of(quantizer, x), codes);
}

TEST(Quantizer, ScaledDataHasTheSameCodes) {
    constexpr size_t d = 12, M = 24;
    const std::vector<float> x = gaussian_vectors(500, d, 1);
    const std::vector<uint8_t> codes = codes_of(trained(x, d, M), x);
    for (const int power : {66, -66}) { // 2^66 is 7e19; a power of two is exact
        std::vector<float> scaled = x;
        for (float& value : scaled) value = std::ldexp(value, power);
        EXPECT_EQ(codes_of(trained(scaled, d, M), scaled), codes) << "2^" << power;
    }
}

TEST(Quantizer, VectorsFarFromTheTrainingSetAreCoded) {
    constexpr size_t d = 12;
    for (const Metric metric : {Metric::l2, Metric::inner_product}) {
        const Quantizer quantizer = trained(gaussian_vectors(500, d, 1), d, 24, metric);
        std::vector<float> far(3 * d, 1e20f);
        far[d] = std::numeric_limits<float>::max();
        std::fill_n(far.begin() + 2 * d, d, std::numeric_limits<float>::lowest());
        EXPECT_THAT(decoded(quantizer, far), Each(is_finite));
    }
}

/// Data that training has to survive, with the relative error it may have.
struct HardData {
    std::string name;
    size_t d;
    std::vector<float> x;
    double error;
};

void PrintTo(const HardData& data, std::ostream* out) {
    *out << data.name;
}

std::vector<HardData> hard_data() {
    constexpr size_t n = 100, d = 10;
    const std::vector<float> x = gaussian_vectors(n, d, 1);
    std::vector<HardData> all;
    std::vector<float> y = x;
    for (size_t i = 0; i < n * d; i += d) y[i + 3] = 5, y[i + 4] = 0;
    all.push_back({"ConstantDimensions", d, y, 0.35});
    all.push_back({"AllZero", d, std::vector<float>(n * d), 0});
    all.push_back({"AllEqual", d, std::vector<float>(n * d, 0.1f), 0});
    for (size_t i = 0; i < n * d; ++i) y[i] = x[i % (2 * d)];
    all.push_back({"TwoDistinctVectors", d, y, 0.01});
    y = x;
    for (size_t i = 0; i < n * d; ++i)
        if (i / d % 2 == 0) y[i] = 0;
    all.push_back({"HalfZero", d, y, 0.45});
    for (const auto& [name, scale] : {std::pair{"Tiny", 1e-20f}, std::pair{"Huge", 1e20f}}) {
        y = x;
        for (float& value : y) value *= scale;
        all.push_back({name, d, y, 0.35});
    }
    y = x;
    y[7] = 1e20f;
    all.push_back({"OneHugeOutlier", d, y, 1.1});
    all.push_back({"OneDimension", 1, normal_numbers(n, 1, 1), 0.05});
    return all;
}

class HardDataTest : public testing::TestWithParam<HardData> {};
INSTANTIATE_TEST_SUITE_P(
        Quantizer, HardDataTest, testing::ValuesIn(hard_data()),
        [](const auto& test) { return test.param.name; });

TEST_P(HardDataTest, IsDecodedWithoutNaN) {
    const HardData& data = GetParam();
    for (const Metric metric : {Metric::l2, Metric::inner_product})
        for (const int depth : {1, 8, 16}) {
            const Quantizer quantizer = trained(data.x, data.d, 12, metric, depth);
            const std::vector<float> y = decoded(quantizer, data.x);
            EXPECT_THAT(y, Each(is_finite)) << "depth " << depth;
            EXPECT_THAT(quantizer.basis(0).expanded(), Each(is_finite));
            if (data.error == 0) {
                for (size_t i = 0; i < y.size(); ++i) EXPECT_NEAR(y[i], data.x[i], 1e-5);
            } else if (depth == 8 && metric == Metric::l2) {
                EXPECT_LT(relative_error(quantizer, data.x), data.error);
            }
        }
}

} // namespace quantizer_test
