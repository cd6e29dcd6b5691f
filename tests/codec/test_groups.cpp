#include "codec/basis_choice.h"
#include "random_data.h"
#include "store/group_order.h"
#include "search_results.h"

#include <bqq/index/IndexBQQ.h>
#include <bqq/grouped_quantizer.h>
#include <bqq/index/index_factory.h>
#include <bqq/index/index_io.h>
#include <faiss/impl/FaissException.h>
#include <faiss/impl/io.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using bqq::BinaryQuadraticQuantizer;
using bqq::GroupedQuantizer;
using bqq::GroupOrder;
using bqq::IndexBQQ;
using bqq::Metric;
using bqq::test::codes_of;
using bqq::test::normal_numbers;
using bqq::test::search;
using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr size_t kDimension = 16, kClusters = 4, kAtoms = 24;
constexpr int64_t kVectors = 2000, kQueries = 50, kK = 10;

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

class Groups : public testing::TestWithParam<faiss::MetricType> {
protected:
    const std::vector<float> x = clustered_vectors(kVectors, 1);
    const std::vector<float> queries = clustered_vectors(kQueries, 2);

    std::unique_ptr<IndexBQQ> filled(size_t groups) const {
        auto index = std::make_unique<IndexBQQ>(kDimension, kAtoms, GetParam(), 8, groups);
        bqq::test::train_and_add(*index, x);
        return index;
    }
    double recall(const faiss::Index& index) const {
        return bqq::test::recall_among(index, x, queries, kK);
    }
};
INSTANTIATE_TEST_SUITE_P(
        Metrics, Groups, testing::Values(faiss::METRIC_L2, faiss::METRIC_INNER_PRODUCT),
        [](const auto& kind) { return kind.param == faiss::METRIC_L2 ? "L2" : "InnerProduct"; });

TEST_P(Groups, FindMoreThanOneBasisOfTheSameSize) {
    const auto index = filled(kClusters);
    EXPECT_EQ(index->bqq.groups(), kClusters);
    // The largest inner products are decided along the clusters' means, where one basis has its largest atoms.
    if (GetParam() == faiss::METRIC_L2)
        EXPECT_GT(recall(*index), recall(*filled(1)) + 0.1);
    else
        EXPECT_GT(recall(*index), 0.8);
}

TEST_P(Groups, VectorsOfAClusterShareAGroup) {
    const auto index = filled(kClusters);
    const std::vector<uint8_t> codes = codes_of(*index);
    std::set<uint8_t> numbers;
    for (size_t i = 0; i < kVectors; ++i) {
        const uint8_t group = codes[i * index->bqq.code_size];
        EXPECT_EQ(group, codes[i % kClusters * index->bqq.code_size]) << i;
        numbers.insert(group);
    }
    EXPECT_EQ(numbers.size(), kClusters);
}

TEST_P(Groups, DistancesAreThoseOfTheGroupsQuantizer) {
    const auto index = filled(kClusters);
    const bool l2 = GetParam() == faiss::METRIC_L2;
    std::vector<float> decoded(kVectors * kDimension);
    index->reconstruct_n(0, kVectors, decoded.data());
    const std::vector<uint8_t> codes = codes_of(*index);
    const auto params = bqq::test::exact_parameters();
    const auto found = search(*index, queries, kK, &params);
    for (size_t place = 0; place < found.labels.size(); ++place) {
        const auto i = static_cast<size_t>(found.labels[place]);
        const float* q = queries.data() + place / kK * kDimension;
        const uint8_t* code = codes.data() + i * index->bqq.code_size;
        const bqq::BinaryQuadraticQuantizer& group = index->bqq.group(code[0]);
        const double unit = group.basis().scale;
        double q2 = 0;
        double dot = 0;
        for (size_t j = 0; j < kDimension; ++j) {
            const double mean = l2 ? static_cast<double>(group.basis().mean[j]) : 0;
            const double from = static_cast<double>(q[j]) - mean;
            q2 += from * from;
            dot += from * (static_cast<double>(decoded[i * kDimension + j]) - mean);
        }
        const double nu = group.scales().decode(code + 1 + group.bits_size()).nu;
        const double expected = l2 ? std::max(q2 + unit * unit * nu - 2 * dot, 0.0) : dot;
        ASSERT_NEAR(found.distances[place], expected, 1e-4 * (1 + std::fabs(expected)));
    }
}

TEST_P(Groups, SearchFindsTheBestOfAllGroups) {
    const auto index = filled(kClusters);
    const auto params = bqq::test::exact_parameters();
    // All distances, in order, from one search for all vectors.
    const auto all = search(*index, queries, kVectors, &params);
    const auto found = search(*index, queries, kK);
    size_t same = 0;
    for (size_t q = 0; q < kQueries; ++q) {
        std::vector<int64_t> labels(
                all.labels.begin() + static_cast<std::ptrdiff_t>(q * kVectors),
                all.labels.begin() + static_cast<std::ptrdiff_t>((q + 1) * kVectors));
        for (size_t r = 0; r < kK; ++r) same += labels[r] == found.labels[q * kK + r] ? 1 : 0;
        std::sort(labels.begin(), labels.end());
        for (int64_t i = 0; i < kVectors; ++i) ASSERT_EQ(labels[static_cast<size_t>(i)], i);
    }
    EXPECT_GE(same, found.labels.size() - 1);
}

TEST_P(Groups, AFileTakesTwoBitsAVectorForFourGroups) {
    const auto index = filled(kClusters);
    const auto bytes = [](const faiss::Index& of) {
        faiss::VectorIOWriter writer;
        bqq::write_index(&of, &writer);
        return writer.data.size();
    };
    const size_t full = bytes(*index);
    index->reset();
    const size_t code = kAtoms / 8 + (GetParam() == faiss::METRIC_L2 ? 3 : 1);
    EXPECT_EQ(full - bytes(*index), kVectors * code + kVectors / 4);
}

TEST_P(Groups, CodesOfAMissingGroupAreRefusedAndNothingIsAdded) {
    const auto index = filled(kClusters);
    std::vector<uint8_t> codes = codes_of(*index);
    codes.resize(3 * index->sa_code_size());
    codes[2 * index->sa_code_size()] = kClusters;
    EXPECT_THAT(
            [&] { index->add_sa_codes(3, codes.data(), nullptr); },
            ThrowsMessage<faiss::FaissException>(HasSubstr("group 4, there are 4")));
    EXPECT_EQ(index->ntotal, kVectors);
    EXPECT_EQ(codes_of(*index).size(), kVectors * index->sa_code_size());
    std::vector<float> decoded(3 * kDimension);
    EXPECT_THAT(
            [&] { index->sa_decode(3, codes.data(), decoded.data()); },
            ThrowsMessage<faiss::FaissException>(HasSubstr("group 4, there are 4")));
}

TEST_P(Groups, SmallClustersGoToTheirNeighbours) {
    // 100 vectors have 24 atoms for one group, not for four.
    IndexBQQ index(kDimension, kAtoms, GetParam(), 8, kClusters);
    index.train(100, x.data());
    EXPECT_EQ(index.bqq.groups(), 1u);
    index.add(kVectors, x.data());
    EXPECT_GT(recall(index), 0.2);
    EXPECT_EQ(std::unique_ptr<faiss::Index>(bqq::clone_index(&index))->ntotal, kVectors);
}

/// What the bases take in a file, without what does not depend on their planes.
double plane_bytes(const GroupedQuantizer& quantizer, size_t groups) {
    return static_cast<double>(
            groups * static_cast<size_t>(quantizer.depth) * kAtoms * (kDimension / 8 + 2));
}

TEST_P(Groups, AreAsManyAsTheShareOfTheBasesAffords) {
    IndexBQQ index(
            kDimension, kAtoms, GetParam(), GroupedQuantizer::kChooseDepth,
            GroupedQuantizer::kChooseGroups);
    EXPECT_EQ(bqq::reverse_index_factory(&index), "BQQ24g");
    std::set<size_t> numbers;
    for (const double share : {0.1, 0.2, 0.15}) {
        index.reset();
        index.training.basis_share = share;
        bqq::test::train_and_add(index, x);
        const size_t groups = index.bqq.groups();
        numbers.insert(groups);
        const auto codes = static_cast<double>(kVectors * index.bqq.group(0).code_size);
        EXPECT_LE(plane_bytes(index.bqq, groups), share * codes);
        EXPECT_GT(plane_bytes(index.bqq, groups + 1), share * codes);
        EXPECT_EQ(bqq::reverse_index_factory(&index), "BQQ24g");
    }
    EXPECT_EQ(numbers.size(), 3u);
    EXPECT_GT(recall(index), GetParam() == faiss::METRIC_L2 ? 0.4 : 0.8);
}

TEST_P(Groups, AreNotChosenForTooFewVectors) {
    IndexBQQ index(
            kDimension, kAtoms, GetParam(), GroupedQuantizer::kChooseDepth,
            GroupedQuantizer::kChooseGroups);
    index.training.basis_share = 10;
    index.train(8 * kAtoms - 1, x.data());
    EXPECT_EQ(index.bqq.groups(), 1u);
    EXPECT_EQ(index.bqq.depth, bqq::BinaryQuadraticQuantizer::kDefaultDepth);
    index.add(kVectors, x.data());
    EXPECT_GT(recall(index), 0.2);
    const std::unique_ptr<faiss::Index> clone(bqq::clone_index(&index));
    EXPECT_EQ(search(*clone, queries, kK), search(index, queries, kK));
}

TEST(BasisChoice, KeepsToShareVectorsAndDepth) {
    // Codes of 7 bytes, planes of 32 (64 / 8 + 2) = 320: the codes of 32,000 vectors weigh 700 planes.
    const bqq::BinaryQuadraticQuantizer form(64, 32, Metric::l2);
    const auto choose = [&](size_t n, int depth, double share) {
        const auto choice = bqq::choose_bases(n, form, 128, depth, share);
        return std::pair(choice.groups, choice.depth);
    };
    EXPECT_EQ(choose(32000, 0, 0.2), std::pair(size_t{35}, 4));
    EXPECT_EQ(choose(64000, 0, 0.2), std::pair(size_t{70}, 4));
    EXPECT_EQ(choose(32000, 7, 0.2), std::pair(size_t{20}, 7));
    EXPECT_EQ(choose(32000, 1, 0.0028), std::pair(size_t{1}, 1));
    // One basis, of four to eight planes.
    EXPECT_EQ(choose(32000, 0, 0), std::pair(size_t{1}, 4));
    EXPECT_EQ(choose(32000, 0, 0.0101), std::pair(size_t{1}, 7));
    EXPECT_EQ(choose(255, 0, 100), std::pair(size_t{1}, 8));
    EXPECT_EQ(choose(256, 0, 100), std::pair(size_t{2}, 4));
    EXPECT_EQ(choose(32000, 0, 100), std::pair(size_t{250}, 4));
    EXPECT_EQ(choose(320000, 0, 100), std::pair(size_t{256}, 4));
    for (const double share : {-0.5, HUGE_VAL, static_cast<double>(NAN)})
        EXPECT_THAT(
                [&] { choose(32000, 0, share); },
                ThrowsMessage<std::invalid_argument>(
                        HasSubstr("basis_share = " + std::to_string(share))));
}

TEST(GroupedQuantizer, BadNumbersOfGroupsAreNamed) {
    EXPECT_THAT(
            [] { GroupedQuantizer(8, 8, Metric::l2, 0, 2); },
            ThrowsMessage<std::invalid_argument>(HasSubstr("depth 0")));
    EXPECT_THAT(
            [] { bqq::index_factory(8, "BQQ8g257"); },
            ThrowsMessage<faiss::FaissException>(HasSubstr("257 groups")));
}

TEST(GroupedQuantizer, FailedTrainingLeavesItAsItWas) {
    GroupedQuantizer quantizer(kDimension, kAtoms, Metric::l2, 8, kClusters);
    std::vector<float> x = clustered_vectors(200, 1);
    x[5] = NAN;
    EXPECT_THROW(quantizer.train(200, x.data()), std::invalid_argument);
    EXPECT_THROW(quantizer.train(kAtoms - 1, x.data()), std::invalid_argument);
    EXPECT_FALSE(quantizer.is_trained);
    std::vector<uint8_t> codes(quantizer.code_size);
    EXPECT_THROW(quantizer.compute_codes(x.data(), codes.data(), 1), std::logic_error);
    EXPECT_THROW(quantizer.decode(codes.data(), x.data(), 1), std::logic_error);
}

TEST(GroupedQuantizer, TakesOverTrainedGroupsOfItsFormAlone) {
    const std::vector<float> x = clustered_vectors(200, 1);
    const auto group = [&](size_t M, Metric metric, int depth) {
        BinaryQuadraticQuantizer made(kDimension, M, metric, depth);
        made.train(200, x.data());
        return made;
    };
    const BinaryQuadraticQuantizer good = group(kAtoms, Metric::l2, 2);
    const auto take = [](const std::vector<BinaryQuadraticQuantizer>& groups) {
        return [groups] {
            GroupedQuantizer(kDimension, kAtoms, Metric::l2, 2, 2).set_trained(groups);
        };
    };
    EXPECT_NO_THROW(take({good})());
    EXPECT_NO_THROW(take({good, good})());
    EXPECT_THAT(take({}), ThrowsMessage<std::invalid_argument>(HasSubstr("0 groups")));
    EXPECT_THAT(
            take({good, good, good}), ThrowsMessage<std::invalid_argument>(HasSubstr("3 groups")));
    for (const BinaryQuadraticQuantizer& other :
         {group(kAtoms - 1, Metric::l2, 2), group(kAtoms, Metric::inner_product, 2),
          group(kAtoms, Metric::l2, 3),
          BinaryQuadraticQuantizer(kDimension, kAtoms, Metric::l2, 2)})
        EXPECT_THAT(
                take({good, other}), ThrowsMessage<std::invalid_argument>(HasSubstr("group 1")));
}

TEST(GroupOrder, RanksAndSelects) {
    constexpr size_t kGroups = 3;
    for (const size_t n : {1, 255, 256, 257, 512, 1000}) {
        GroupOrder order(kGroups);
        std::vector<size_t> of;
        const auto add = [&](size_t count) {
            for (size_t i = 0; i < count; ++i) {
                of.push_back(of.size() * of.size() / 7 % kGroups);
                order.add(static_cast<uint8_t>(of.back()));
            }
        };
        add(n);
        for (const size_t left : {n, n / 2, size_t{0}}) {
            order.truncate(left);
            of.resize(left);
            add(300);
            ASSERT_EQ(order.size(), of.size());
            std::vector<size_t> counts(kGroups);
            for (size_t i = 0; i < of.size(); ++i) {
                ASSERT_EQ(order.group(i), of[i]);
                for (size_t g = 0; g < kGroups; ++g) ASSERT_EQ(order.rank(g, i), counts[g]);
                ASSERT_EQ(order.select(of[i], counts[of[i]]), i);
                ++counts[of[i]];
            }
            for (size_t g = 0; g < kGroups; ++g) ASSERT_EQ(order.rank(g, of.size()), counts[g]);
        }
    }
}

} // namespace
