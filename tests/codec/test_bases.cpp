#include "codec/training.h"
#include "quantizer_fixture.h"
#include "random_data.h"

#include <bqq/quantizer.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace bases_test {

using bqq::Basis;
using bqq::Error;
using bqq::InvalidArgument;
using bqq::Metric;
using bqq::Quantizer;
using bqq::test::decoded;
using bqq::test::Encoded;
using bqq::test::encoded;
using bqq::test::normal_numbers;
using bqq::test::trained;
using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr size_t kDimension = 16, kClusters = 4, kAtoms = 24, kVectors = 2000;

/// Vectors in clusters far apart; each cluster is long in its own four coordinates.
std::vector<float> clustered_vectors(size_t n, uint64_t seed) {
    std::vector<float> x = normal_numbers(n, kDimension, seed);
    for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j < kDimension; ++j) {
            const bool own = j / 4 == i % kClusters;
            x[i * kDimension + j] = x[i * kDimension + j] * (own ? 1.0f : 0.2f) + (own ? 10.0f : 0);
        }
    return x;
}

double squared_error(const std::vector<float>& x, const std::vector<float>& y) {
    double error = 0;
    for (size_t i = 0; i < x.size(); ++i) {
        const double rest = static_cast<double>(x[i]) - static_cast<double>(y[i]);
        error += rest * rest;
    }
    return error;
}

class Bases : public testing::TestWithParam<Metric> {
protected:
    const std::vector<float> x = clustered_vectors(kVectors, 1);

    Quantizer of(size_t bases) const {
        return trained(x, kDimension, kAtoms, GetParam(), 8, bases);
    }
};
INSTANTIATE_TEST_SUITE_P(
        Metrics, Bases, testing::Values(Metric::l2, Metric::inner_product),
        [](const auto& test) { return test.param == Metric::l2 ? "L2" : "InnerProduct"; });

TEST_P(Bases, OneForEachClusterHasAListOfItsOwn) {
    const Quantizer quantizer = of(kClusters);
    ASSERT_EQ(quantizer.bases(), kClusters);
    const std::vector<uint32_t> lists = encoded(quantizer, x).lists;
    for (size_t i = 0; i < kVectors; ++i) EXPECT_EQ(lists[i], lists[i % kClusters]) << i;
    EXPECT_EQ(std::set(lists.begin(), lists.end()).size(), kClusters);
}

TEST_P(Bases, LoseFarLessThanOne) {
    EXPECT_LT(
            squared_error(x, decoded(of(kClusters), x)), 0.5 * squared_error(x, decoded(of(1), x)));
}

TEST_P(Bases, ACodeIsDecodedInItsList) {
    const Quantizer quantizer = of(kClusters);
    Encoded codes = encoded(quantizer, x);
    const std::vector<float> y = decoded(quantizer, codes);
    EXPECT_LT(squared_error(x, y), 0.2 * kVectors * kDimension);
    // In any list the code has the centre of that list.
    for (uint32_t& list : codes.lists) list = (list + 1) % kClusters;
    const std::vector<float> other = decoded(quantizer, codes);
    for (size_t i = 0; i < kVectors; ++i) {
        const std::vector<float>& centre = quantizer.basis(codes.lists[i]).mean;
        const auto row = other.begin() + static_cast<std::ptrdiff_t>(i * kDimension);
        EXPECT_LT(squared_error(centre, {row, row + kDimension}), 100);
    }
}

TEST_P(Bases, AListThatThereIsNotIsNamed) {
    const Quantizer quantizer = of(kClusters);
    Encoded codes = encoded(quantizer, x);
    codes.lists[1234] = kClusters;
    EXPECT_THAT(
            [&] { decoded(quantizer, codes); },
            ThrowsMessage<InvalidArgument>(HasSubstr("list 4, there are 4")));
    const Quantizer one = of(1);
    codes = encoded(one, x);
    codes.lists[0] = 1;
    EXPECT_THAT(
            [&] { decoded(one, codes); },
            ThrowsMessage<InvalidArgument>(HasSubstr("list 1, there are 1")));
}

TEST_P(Bases, ListsMayBeLeftOutOfOneAlone) {
    const Quantizer one = of(1);
    const Encoded codes = encoded(one, x);
    EXPECT_EQ(codes.lists, std::vector<uint32_t>(kVectors));
    std::vector<uint8_t> without(codes.codes.size());
    one.encode(x, without);
    EXPECT_EQ(without, codes.codes);
    std::vector<float> y(x.size());
    one.decode(without, {}, y);
    EXPECT_EQ(y, decoded(one, codes));

    const Quantizer several = of(kClusters);
    EXPECT_THAT(
            [&] { several.encode(x, without); },
            ThrowsMessage<InvalidArgument>(HasSubstr("lists of size 0, must be 2000")));
    EXPECT_THAT(
            [&] { several.decode(without, {}, y); },
            ThrowsMessage<InvalidArgument>(HasSubstr("lists of size 0, must be 2000")));
}

TEST_P(Bases, SmallClustersGoToTheirNeighbours) {
    // 100 vectors have 24 atoms for one basis, not for four.
    Quantizer quantizer(kDimension, kAtoms, GetParam(), 8, kClusters);
    bqq::TrainingParameters parameters;
    std::vector<std::string> messages;
    parameters.progress.log = [&](const std::string& message) { messages.push_back(message); };
    quantizer.train(std::span(x).first(100 * kDimension), parameters);
    EXPECT_EQ(quantizer.bases(), 1u);
    EXPECT_THAT(messages, testing::ElementsAre(HasSubstr("1 of 4 local bases")));
    EXPECT_EQ(quantizer.wanted_bases(), kClusters);
}

TEST_P(Bases, AreAsManyAsTheirShareAffords) {
    Quantizer quantizer(kDimension, kAtoms, GetParam(), {}, {});
    const auto plane_bytes = [&](size_t bases) {
        return static_cast<double>(
                bases * static_cast<size_t>(quantizer.depth()) * kAtoms * (kDimension / 8 + 2));
    };
    std::set<size_t> numbers;
    for (const double share : {0.1, 0.2, 0.15}) {
        bqq::TrainingParameters parameters;
        parameters.basis_share = share;
        quantizer.train(x, parameters);
        const size_t bases = quantizer.bases();
        numbers.insert(bases);
        const auto codes = static_cast<double>(kVectors * quantizer.code_size());
        EXPECT_LE(plane_bytes(bases), share * codes);
        EXPECT_GT(plane_bytes(bases + 1), share * codes);
    }
    // Two bases for four clusters find no more than one by inner product: there is one.
    EXPECT_THAT(numbers, testing::SizeIs(GetParam() == Metric::l2 ? 3 : 2));
    EXPECT_EQ(quantizer.wanted_bases(), std::nullopt);
    EXPECT_EQ(quantizer.wanted_depth(), std::nullopt);
}

TEST_P(Bases, AreNotChosenForTooFewVectors) {
    Quantizer quantizer(kDimension, kAtoms, GetParam(), {}, {});
    bqq::TrainingParameters parameters;
    parameters.basis_share = 10;
    quantizer.train(std::span(x).first((8 * kAtoms - 1) * kDimension), parameters);
    EXPECT_EQ(quantizer.bases(), 1u);
    EXPECT_EQ(quantizer.depth(), Quantizer::kDepthOfOne);
}

TEST(BasesChoice, KeepsToShareVectorsAndDepth) {
    // Codes of 7 bytes, planes of 32 (64 / 8 + 2) = 320: the codes of 32,000 vectors weigh 700
    // planes.
    const auto choose = [&](size_t n, std::optional<int> depth, double share) {
        const auto choice = bqq::choose_bases(Quantizer(64, 32, Metric::l2, depth, {}), n, share);
        return std::pair(choice.bases, choice.depth);
    };
    EXPECT_EQ(choose(32000, {}, 0.2), std::pair(size_t{35}, 4));
    EXPECT_EQ(choose(64000, {}, 0.2), std::pair(size_t{70}, 4));
    EXPECT_EQ(choose(32000, 7, 0.2), std::pair(size_t{20}, 7));
    EXPECT_EQ(choose(32000, 1, 0.0028), std::pair(size_t{1}, 1));
    // One basis, of four to eight planes.
    EXPECT_EQ(choose(32000, {}, 0), std::pair(size_t{1}, 4));
    EXPECT_EQ(choose(32000, {}, 0.0101), std::pair(size_t{1}, 7));
    EXPECT_EQ(choose(255, {}, 100), std::pair(size_t{1}, 8));
    EXPECT_EQ(choose(256, {}, 100), std::pair(size_t{2}, 4));
    EXPECT_EQ(choose(32000, {}, 100), std::pair(size_t{250}, 4));
    EXPECT_EQ(choose(320000, {}, 100), std::pair(size_t{256}, 4));
    for (const double share : {-0.5, HUGE_VAL, static_cast<double>(NAN)})
        EXPECT_THAT(
                [&] { choose(32000, {}, share); },
                ThrowsMessage<InvalidArgument>(
                        HasSubstr("basis_share = " + std::to_string(share))));
    // Where the number is given, so is the share.
    const auto given = bqq::choose_bases(Quantizer(64, 32, Metric::l2, {}, 3), 10, -1);
    EXPECT_EQ(std::pair(given.bases, given.depth), std::pair(size_t{3}, 4));
}

TEST(SetBases, FailedTrainingOfSeveralLeavesNone) {
    Quantizer quantizer(kDimension, kAtoms, Metric::l2, 8, kClusters);
    std::vector<float> x = clustered_vectors(200, 1);
    EXPECT_THROW(quantizer.train(std::span(x).first((kAtoms - 1) * kDimension)), InvalidArgument);
    x[5] = NAN;
    EXPECT_THROW(quantizer.train(x), InvalidArgument);
    EXPECT_FALSE(quantizer.is_trained());
    std::vector<uint8_t> codes(quantizer.code_size());
    std::vector<uint32_t> lists(1);
    std::vector<float> y(kDimension);
    EXPECT_THROW(quantizer.encode(y, codes, lists), Error);
    EXPECT_THROW(quantizer.decode(codes, lists, y), Error);
}

TEST(SetBases, TakesOverBasesOfItsFormAlone) {
    const std::vector<float> x = clustered_vectors(200, 1);
    const auto basis = [&](size_t M, Metric metric, int depth) {
        return trained(x, kDimension, M, metric, depth).basis(0);
    };
    const Basis good = basis(kAtoms, Metric::l2, 2);
    const auto take = [](const std::vector<Basis>& bases) {
        return [bases] {
            Quantizer quantizer(kDimension, kAtoms, Metric::l2, 2, 2);
            try {
                quantizer.set_bases(bases);
            } catch (...) {
                EXPECT_FALSE(quantizer.is_trained());
                throw;
            }
        };
    };
    EXPECT_NO_THROW(take({good})());
    EXPECT_NO_THROW(take({good, good})());
    EXPECT_THAT(take({}), ThrowsMessage<InvalidArgument>(HasSubstr("0 bases")));
    EXPECT_THAT(take({good, good, good}), ThrowsMessage<InvalidArgument>(HasSubstr("3 bases")));
    for (const Basis& other :
         {basis(kAtoms - 1, Metric::l2, 2), basis(kAtoms, Metric::inner_product, 2),
          basis(kAtoms, Metric::l2, 3), Basis()})
        EXPECT_THAT(take({good, other}), ThrowsMessage<InvalidArgument>(HasSubstr("basis 1")));
    EXPECT_THAT(
            take({basis(kAtoms, Metric::l2, 3)}),
            ThrowsMessage<InvalidArgument>(HasSubstr("depth 3, must be 2")));
}

TEST(SetBases, RefusesValuesThatNoBasisHas) {
    Quantizer quantizer = trained(clustered_vectors(200, 1), kDimension, kAtoms, Metric::l2, 2);
    const Basis good = quantizer.basis(0);
    const Quantizer before = quantizer;
    constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    const std::vector<std::pair<const char*, std::function<void(Basis&)>>> faults = {
            {"mean of size 15", [](Basis& b) { b.mean.pop_back(); }},
            {"rho of size 49", [](Basis& b) { b.rho.push_back(1); }},
            {"levels of size 383", [](Basis& b) { b.levels.pop_back(); }},
            {"depth 17", [](Basis& b) { b.depth = 17; }},
            {"depth 0", [](Basis& b) { b.depth = 0; }},
            {"mean nan", [](Basis& b) { b.mean[3] = kNaN; }},
            {"rho -inf", [](Basis& b) { b.rho[5] = -kInfinity; }},
            {"scale 0.0", [](Basis& b) { b.scale = 0; }},
            {"scale nan", [](Basis& b) { b.scale = kNaN; }},
            {"norm nan", [](Basis& b) { b.scales.norm_first = kNaN; }},
            {"norm inf", [](Basis& b) { b.scales.norm_step = kInfinity; }},
            {"calibration nan", [](Basis& b) { b.scales.calibration = kNaN; }},
            {"alphas from", [](Basis& b) { b.scales.alpha_step = -1; }},
            {"alphas from", [](Basis& b) { b.scales.alpha_step = 1 << 30; }},
            {"alphas from",
             [](Basis& b) { b.scales.alpha_first = std::numeric_limits<int32_t>::min(); }},
    };
    for (const auto& [name, spoil] : faults) {
        Basis bad = good;
        spoil(bad);
        EXPECT_THAT(
                [&] { quantizer.set_bases({bad}); },
                ThrowsMessage<InvalidArgument>(AllOf(HasSubstr("basis 0"), HasSubstr(name))));
        EXPECT_EQ(quantizer, before) << name;
    }
    EXPECT_NO_THROW(quantizer.set_bases({good}));
}

} // namespace bases_test
