#include "codec/basis.h"
#include "random_data.h"
#include "search_results.h"

#include <bqq/index/IndexBQQ.h>
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
#include <string>
#include <vector>

namespace index_bases_test {

using bqq::IndexBQQ;
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

class IndexBases : public testing::TestWithParam<faiss::MetricType> {
protected:
    const std::vector<float> x = clustered_vectors(kVectors, 1);
    const std::vector<float> queries = clustered_vectors(kQueries, 2);

    std::unique_ptr<IndexBQQ> filled(size_t bases) const {
        auto index = std::make_unique<IndexBQQ>(kDimension, kAtoms, GetParam(), 8, bases);
        bqq::test::train_and_add(*index, x);
        return index;
    }
    double recall(const faiss::Index& index) const {
        return bqq::test::recall_among(index, x, queries, kK);
    }
};
INSTANTIATE_TEST_SUITE_P(
        Metrics, IndexBases, testing::Values(faiss::METRIC_L2, faiss::METRIC_INNER_PRODUCT),
        [](const auto& kind) { return kind.param == faiss::METRIC_L2 ? "L2" : "InnerProduct"; });

TEST_P(IndexBases, FindMoreThanOneBasisOfTheSameSize) {
    const auto index = filled(kClusters);
    EXPECT_EQ(index->codec().bases(), kClusters);
    // The largest inner products are decided along the clusters' means, where one basis has its
    // largest atoms.
    if (GetParam() == faiss::METRIC_L2)
        EXPECT_GT(recall(*index), recall(*filled(1)) + 0.1);
    else
        EXPECT_GT(recall(*index), 0.8);
}

TEST_P(IndexBases, VectorsOfAClusterShareAList) {
    const auto index = filled(kClusters);
    const std::vector<uint8_t> codes = codes_of(*index);
    std::set<uint8_t> numbers;
    for (size_t i = 0; i < kVectors; ++i) {
        const uint8_t list = codes[i * index->sa_code_size()];
        EXPECT_EQ(list, codes[i % kClusters * index->sa_code_size()]) << i;
        numbers.insert(list);
    }
    EXPECT_EQ(numbers.size(), kClusters);
}

TEST_P(IndexBases, DistancesAreThoseOfTheListsBasis) {
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
        const uint8_t* code = codes.data() + i * index->sa_code_size();
        const bqq::Basis& basis = index->codec().basis(code[0]);
        const double unit = basis.scale;
        double q2 = 0;
        double dot = 0;
        for (size_t j = 0; j < kDimension; ++j) {
            const double mean = l2 ? static_cast<double>(basis.mean[j]) : 0;
            const double from = static_cast<double>(q[j]) - mean;
            q2 += from * from;
            dot += from * (static_cast<double>(decoded[i * kDimension + j]) - mean);
        }
        const double nu = basis.scales.decode(code + 1 + index->codec().bits_size()).nu;
        const double expected = l2 ? std::max(q2 + unit * unit * nu - 2 * dot, 0.0) : dot;
        ASSERT_NEAR(found.distances[place], expected, 1e-4 * (1 + std::fabs(expected)));
    }
}

TEST_P(IndexBases, SearchFindsTheBestOfAllLists) {
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

TEST_P(IndexBases, AFileTakesTwoBitsAVectorForFourLists) {
    const auto index = filled(kClusters);
    const auto bytes = [](const faiss::Index& of) {
        faiss::VectorIOWriter writer;
        bqq::write_index(&of, &writer);
        return writer.data.size();
    };
    const size_t full = bytes(*index);
    index->reset();
    const size_t code = kAtoms / 8 + (GetParam() == faiss::METRIC_L2 ? 3 : 1);
    // The size of an empty list takes one byte, that of one of 500 two.
    // Lists begin at a multiple of 64 bytes.
    const size_t parts = kVectors * code + kVectors / 4 + kClusters;
    EXPECT_NEAR(static_cast<double>(full - bytes(*index)), static_cast<double>(parts), 64);
}

TEST_P(IndexBases, CodesOfAMissingListAreRefusedAndNothingIsAdded) {
    const auto index = filled(kClusters);
    std::vector<uint8_t> codes = codes_of(*index);
    codes.resize(3 * index->sa_code_size());
    codes[2 * index->sa_code_size()] = kClusters;
    EXPECT_THAT(
            [&] { index->add_sa_codes(3, codes.data(), nullptr); },
            ThrowsMessage<faiss::FaissException>(HasSubstr("list 4, there are 4")));
    EXPECT_EQ(index->ntotal, kVectors);
    EXPECT_EQ(codes_of(*index).size(), kVectors * index->sa_code_size());
    std::vector<float> decoded(3 * kDimension);
    EXPECT_THAT(
            [&] { index->sa_decode(3, codes.data(), decoded.data()); },
            ThrowsMessage<faiss::FaissException>(HasSubstr("list 4, there are 4")));
}

TEST_P(IndexBases, SmallClustersGoToTheirNeighbours) {
    // 100 vectors have 24 atoms for one basis, not for four.
    IndexBQQ index(kDimension, kAtoms, GetParam(), 8, kClusters);
    index.train(100, x.data());
    EXPECT_EQ(index.codec().bases(), 1u);
    index.add(kVectors, x.data());
    EXPECT_GT(recall(index), 0.2);
    EXPECT_EQ(std::unique_ptr<faiss::Index>(bqq::clone_index(&index))->ntotal, kVectors);
}

TEST_P(IndexBases, AreAsManyAsTheShareOfTheBasesAffords) {
    IndexBQQ index(kDimension, kAtoms, GetParam(), {}, {});
    EXPECT_EQ(bqq::reverse_index_factory(&index), "BQQ24g");
    std::set<size_t> numbers;
    for (const double share : {0.1, 0.2, 0.15}) {
        index.reset();
        index.training.basis_share = share;
        bqq::test::train_and_add(index, x);
        numbers.insert(index.codec().bases());
        EXPECT_EQ(bqq::reverse_index_factory(&index), "BQQ24g");
    }
    // Two bases for four clusters find no more than one by inner product: there is one.
    EXPECT_THAT(numbers, testing::SizeIs(GetParam() == faiss::METRIC_L2 ? 3 : 2));
    EXPECT_GT(recall(index), GetParam() == faiss::METRIC_L2 ? 0.4 : 0.8);
}

TEST_P(IndexBases, AreNotChosenForTooFewVectors) {
    IndexBQQ index(kDimension, kAtoms, GetParam(), {}, {});
    index.training.basis_share = 10;
    index.train(8 * kAtoms - 1, x.data());
    EXPECT_EQ(index.codec().bases(), 1u);
    EXPECT_EQ(index.codec().depth(), bqq::Quantizer::kDepthOfOne);
    index.add(kVectors, x.data());
    EXPECT_GT(recall(index), 0.2);
    const std::unique_ptr<faiss::Index> clone(bqq::clone_index(&index));
    EXPECT_EQ(search(*clone, queries, kK), search(index, queries, kK));
}

TEST(IndexBQQ, MoreBasesThanThereMayBeAreNamed) {
    EXPECT_THAT(
            [] { (void)bqq::index_factory(8, "BQQ8g257"); },
            ThrowsMessage<faiss::FaissException>(HasSubstr("257 local bases")));
}

} // namespace index_bases_test
