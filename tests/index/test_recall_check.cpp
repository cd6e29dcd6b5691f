#include <bqq/index/IndexBQQ.h>

#include "codec/recall_check.h"
#include "random_data.h"
#include "search_results.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <random>
#include <string>
#include <vector>

namespace recall_check_test {

using bqq::IndexBQQ;
using bqq::Metric;
using bqq::RecallCheck;
using bqq::test::normal_numbers;
using testing::HasSubstr;

constexpr size_t kDimension = 16, kVectors = 6000;

/// Vectors of clusters that all have the same covariance.
std::vector<float> mixture(size_t n, size_t clusters, uint64_t seed) {
    const std::vector<float> centres = normal_numbers(clusters, kDimension, 77);
    std::vector<float> x = normal_numbers(n, kDimension, seed);
    std::mt19937_64 random(seed);
    for (size_t i = 0; i < n; ++i) {
        const float* centre = centres.data() + random() % clusters * kDimension;
        for (size_t j = 0; j < kDimension; ++j) {
            float& value = x[i * kDimension + j];
            value = (centre[j] + 0.5f * value) / std::sqrt(static_cast<float>(j + 1));
        }
    }
    return x;
}

std::vector<size_t> all_rows() {
    std::vector<size_t> rows(kVectors);
    std::iota(rows.begin(), rows.end(), size_t{0});
    return rows;
}

class RecallChecks : public testing::TestWithParam<Metric> {};

TEST_P(RecallChecks, GiveTheRecallOfAnIndex) {
    const std::vector<float> x = mixture(kVectors, 50, 1);
    std::vector<size_t> rows = all_rows();
    const RecallCheck check(x.data(), kDimension, GetParam(), rows);
    ASSERT_EQ(rows.size(), kVectors - 600);
    EXPECT_EQ(rows.front(), 600u);
    const std::vector<float> queries(x.begin(), x.begin() + 600 * kDimension);
    const std::vector<float> base(x.begin() + 600 * kDimension, x.end());
    for (const size_t bases : {1, 4}) {
        IndexBQQ index(
                kDimension, 24,
                GetParam() == Metric::l2 ? faiss::METRIC_L2 : faiss::METRIC_INNER_PRODUCT, {},
                bases);
        bqq::test::train_and_add(index, base);
        const double found = check.recall(
                index.codec(), {},
                [&](std::span<const float> part, std::span<const size_t>,
                    std::vector<uint8_t>& codes,
                    std::vector<uint32_t>& lists) { index.codec().encode(part, codes, lists); });
        // The check looks among the nearest 150 of each query only.
        EXPECT_NEAR(found, bqq::test::recall_among(index, base, queries, 10), 0.005) << bases;
    }
}

TEST_P(RecallChecks, AreMadeByAnAutomaticChoice) {
    const std::vector<float> x = mixture(kVectors, 20, 2);
    const std::vector<float> queries = mixture(500, 20, 3);
    const auto recall = [&](std::optional<size_t> bases) {
        IndexBQQ index(bqq::Quantizer(kDimension, 24, GetParam(), {}, bases));
        bqq::test::train_and_add(index, x);
        return bqq::test::recall_among(index, x, queries, 10);
    };
    EXPECT_GT(recall({}), recall(1) - 0.005);
}

TEST(SeveralOrOne, IsOneWhereSeveralLose) {
    std::string log;
    bqq::Progress progress;
    progress.log = [&](const std::string& message) { log += message; };
    EXPECT_TRUE(bqq::several_or_one(8, 0.6, 0.604, progress));
    EXPECT_EQ(log, "");
    EXPECT_FALSE(bqq::several_or_one(8, 0.6, 0.606, progress));
    EXPECT_THAT(log, HasSubstr("one basis: 8 local bases found 0.600"));
}

INSTANTIATE_TEST_SUITE_P(
        Metrics, RecallChecks, testing::Values(Metric::l2, Metric::inner_product),
        [](const auto& metric) { return metric.param == Metric::l2 ? "L2" : "InnerProduct"; });

} // namespace recall_check_test
