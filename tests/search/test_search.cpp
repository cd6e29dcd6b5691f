#include "store/code_blocks.h"
#include "search/flat_search.h"
#include "search/query_scan.h"

#include "random_data.h"
#include "search_results.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

namespace {

using bqq::BinaryQuadraticQuantizer;
using bqq::CodeBlocks;
using bqq::GroupedCodes;
using bqq::Metric;
using bqq::ScanParameters;
using bqq::test::gaussian_vectors;
using bqq::test::recall;
using bqq::test::Results;
using testing::Each;
using testing::Truly;

constexpr size_t kDimension = 24, kAtoms = 60, kVectors = 3000, kQueries = 200, kNeighbours = 10;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// A quantizer, 3000 codes and 200 queries of one metric.
class FlatSearch : public testing::TestWithParam<Metric> {
protected:
    struct Data {
        BinaryQuadraticQuantizer quantizer;
        std::vector<uint8_t> codes;
        bqq::GroupedQuantizer grouped; // the quantizer as the only group
        GroupedCodes grouped_codes{1, 0, 0};
        std::vector<float> queries;
        std::vector<double> scores; // kQueries x kVectors, of the decoded codes
    };

    static const Data& data() {
        static const Data l2 = make(Metric::l2);
        static const Data inner_product = make(Metric::inner_product);
        return GetParam() == Metric::l2 ? l2 : inner_product;
    }

    static Data make(Metric metric) {
        Data data;
        const std::vector<float> x = gaussian_vectors(kVectors, kDimension, 1);
        data.quantizer = BinaryQuadraticQuantizer(kDimension, kAtoms, metric);
        data.quantizer.train(kVectors, x.data());
        data.codes.resize(kVectors * data.quantizer.code_size);
        data.quantizer.compute_codes(x.data(), data.codes.data(), kVectors);
        data.grouped = {kDimension, kAtoms, metric, data.quantizer.depth, 1};
        data.grouped.set_trained({data.quantizer});
        data.grouped_codes = GroupedCodes(1, data.quantizer.code_size, 0);
        data.grouped_codes.add(kVectors, data.codes.data());
        data.queries = gaussian_vectors(kQueries, kDimension, 2);
        data.scores = double_scores(data);
        return data;
    }

    /** Squared L2 |q - mean|^2 + nu - 2 <q - mean, decoded - mean>, nu in the vectors' own units, or the
     * inner product <q, decoded>: in double and by decode() alone.
     */
    static std::vector<double> double_scores(const Data& data) {
        const BinaryQuadraticQuantizer& quantizer = data.quantizer;
        std::vector<float> decoded(kVectors * kDimension);
        quantizer.decode(data.codes.data(), decoded.data(), kVectors);
        const bool l2 = quantizer.metric == Metric::l2;
        std::vector<double> scores(kQueries * kVectors);
        const auto unit = static_cast<double>(quantizer.basis().scale);
        for (size_t q = 0; q < kQueries; ++q)
            for (size_t i = 0; i < kVectors; ++i) {
                double dot = 0;
                double q2 = 0;
                for (size_t j = 0; j < kDimension; ++j) {
                    const double mean = l2 ? static_cast<double>(quantizer.basis().mean[j]) : 0;
                    const double query =
                            static_cast<double>(data.queries[q * kDimension + j]) - mean;
                    dot += query * (static_cast<double>(decoded[i * kDimension + j]) - mean);
                    q2 += query * query;
                }
                const bqq::StoredScales stored = quantizer.scales().decode(
                        data.codes.data() + i * quantizer.code_size + quantizer.bits_size());
                const double nu = unit * unit * static_cast<double>(stored.nu);
                scores[q * kVectors + i] = l2 ? std::max(q2 + nu - 2 * dot, 0.0) : dot;
            }
        return scores;
    }

    static bool closer(double a, double b) { return GetParam() == Metric::l2 ? a < b : a > b; }

    static Results search(
            const ScanParameters& parameters, size_t k = kNeighbours,
            const bqq::Allowed& allowed = {}) {
        const Data& all = data();
        Results results{std::vector<float>(kQueries * k), std::vector<int64_t>(kQueries * k)};
        bqq::search_codes(
                all.grouped, all.grouped_codes, kQueries, all.queries.data(), k, parameters,
                allowed, results.distances.data(), results.labels.data());
        return results;
    }

    /// Neighbours by the scores in double.
    static std::vector<int64_t> true_labels(size_t k, const bqq::Allowed& allowed = {}) {
        std::vector<int64_t> labels;
        for (size_t q = 0; q < kQueries; ++q) {
            std::vector<int64_t> order;
            for (size_t i = 0; i < kVectors; ++i)
                if (!allowed || allowed(static_cast<int64_t>(i)))
                    order.push_back(static_cast<int64_t>(i));
            const double* scores = data().scores.data() + q * kVectors;
            std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
                return closer(scores[a], scores[b]);
            });
            labels.insert(labels.end(), order.begin(), order.begin() + static_cast<int64_t>(k));
        }
        return labels;
    }

    static void expect_true_distances(const Results& results, size_t k) {
        for (size_t i = 0; i < results.labels.size(); ++i) {
            ASSERT_GE(results.labels[i], 0);
            const double score =
                    data().scores[i / k * kVectors + static_cast<size_t>(results.labels[i])];
            ASSERT_NEAR(results.distances[i], score, 2e-5 * (1 + std::fabs(score)));
        }
    }
};
INSTANTIATE_TEST_SUITE_P(
        Metrics, FlatSearch, testing::Values(Metric::l2, Metric::inner_product),
        [](const auto& test) { return test.param == Metric::l2 ? "L2" : "InnerProduct"; });

TEST_P(FlatSearch, InfiniteMarginFindsTheNearestCodes) {
    const Results results = search({8, kInfinity});
    EXPECT_GE(recall(results.labels, true_labels(kNeighbours), kNeighbours), 0.9995);
    expect_true_distances(results, kNeighbours);
}

TEST_P(FlatSearch, DefaultsFindWhatScoringAllCodesFinds) {
    const Results exact = search({8, kInfinity});
    const Results results = search({});
    EXPECT_GE(recall(results.labels, exact.labels, kNeighbours), 0.999);
    expect_true_distances(results, kNeighbours);
}

TEST_P(FlatSearch, EveryNumberOfQueryBitsKeepsTheRecall) {
    const Results exact = search({8, kInfinity});
    for (int bits = 2; bits <= 12; ++bits) {
        const Results results = search({bits, 3});
        EXPECT_GE(recall(results.labels, exact.labels, kNeighbours), 0.997) << bits;
        EXPECT_EQ(search({bits, kInfinity}), exact) << bits;
        expect_true_distances(results, kNeighbours);
    }
}

TEST_P(FlatSearch, DistancesAreSorted) {
    const Results results = search({}, 50);
    for (size_t i = 1; i < results.distances.size(); ++i) {
        if (i % 50 == 0) continue;
        ASSERT_FALSE(closer(results.distances[i], results.distances[i - 1])) << i;
    }
}

TEST_P(FlatSearch, OnlyAllowedPositionsAreFound) {
    const bqq::Allowed allowed = [](int64_t position) { return position % 7 == 3; };
    const Results results = search({8, kInfinity}, kNeighbours, allowed);
    EXPECT_THAT(results.labels, Each(Truly(allowed)));
    EXPECT_GE(recall(results.labels, true_labels(kNeighbours, allowed), kNeighbours), 0.9995);
    EXPECT_GE(recall(search({}, kNeighbours, allowed).labels, results.labels, kNeighbours), 0.999);
}

TEST_P(FlatSearch, PlacesWithoutANeighbourAreMinusOne) {
    const bqq::Allowed allowed = [](int64_t position) { return position >= 2997; };
    const Results results = search({}, 5, allowed);
    const float worst = GetParam() == Metric::l2 ? std::numeric_limits<float>::max()
                                                 : std::numeric_limits<float>::lowest();
    for (size_t i = 0; i < results.labels.size(); ++i) {
        ASSERT_EQ(results.labels[i] >= 2997, i % 5 < 3);
        if (i % 5 < 3) continue;
        ASSERT_EQ(results.labels[i], -1);
        ASSERT_EQ(results.distances[i], worst);
    }
}

TEST_P(FlatSearch, MoreNeighboursThanCodesReturnsAll) {
    constexpr size_t k = kVectors + 5;
    const Results results = search({}, k);
    for (size_t q = 0; q < kQueries; ++q) {
        const auto row = results.labels.begin() + static_cast<int64_t>(q * k);
        std::vector<int64_t> labels(row, row + static_cast<int64_t>(k));
        std::sort(labels.begin(), labels.end());
        for (size_t i = 0; i < k; ++i)
            ASSERT_EQ(labels[i], i < 5 ? -1 : static_cast<int64_t>(i) - 5);
    }
}

TEST_P(FlatSearch, TheFirstCodesOfABlockThatAreScoredAreAmongItsNearest) {
    const Data& d = data();
    for (const bqq::QueryScan& scan :
         bqq::prepare_scans(d.quantizer, 20, d.queries.data(), ScanParameters{})) {
        std::vector<size_t> positions;
        std::vector<float> keys;
        scan.run(
                d.grouped_codes.blocks(0).view(), 0, 1, [](size_t) { return true; },
                [] { return kInfinity; },
                [&](size_t position, float key) {
                    positions.push_back(position);
                    keys.push_back(key);
                });
        std::vector<size_t> all(64);
        std::iota(all.begin(), all.end(), size_t{0});
        EXPECT_THAT(positions, testing::UnorderedElementsAreArray(all));
        const auto nearest = std::min_element(keys.begin(), keys.end()) - keys.begin();
        EXPECT_LT(nearest, 16);
    }
}

TEST_P(FlatSearch, AQueryIsAnsweredAloneAsAmongOthers) {
    const Results all = search({});
    const Data& d = data();
    for (size_t q = 0; q < kQueries; q += 7) {
        Results one{std::vector<float>(kNeighbours), std::vector<int64_t>(kNeighbours)};
        bqq::search_codes(
                d.grouped, d.grouped_codes, 1, d.queries.data() + q * kDimension, kNeighbours, {},
                {}, one.distances.data(), one.labels.data());
        for (size_t i = 0; i < kNeighbours; ++i) {
            ASSERT_EQ(one.labels[i], all.labels[q * kNeighbours + i]);
            ASSERT_EQ(one.distances[i], all.distances[q * kNeighbours + i]);
        }
    }
}

TEST_P(FlatSearch, EqualDistancesAreOrderedByPosition) {
    const Data& d = data();
    // Codes 0 and 1 in turns: two distances, each at every second position.
    GroupedCodes blocks(1, d.quantizer.code_size, 0);
    for (int i = 0; i < 200; ++i)
        blocks.add(1, d.codes.data() + static_cast<size_t>(i % 2) * d.quantizer.code_size);
    for (const float margin : {3.0f, kInfinity}) {
        std::vector<float> distances(130);
        std::vector<int64_t> labels(130);
        bqq::search_codes(
                d.grouped, blocks, 1, d.queries.data(), 130, {8, margin}, {}, distances.data(),
                labels.data());
        const int64_t first = labels[0];
        for (int64_t i = 0; i < 130; ++i)
            ASSERT_EQ(
                    labels[static_cast<size_t>(i)],
                    i < 100 ? first + 2 * i : 1 - first + 2 * (i - 100));
    }
}

TEST_P(FlatSearch, RangeSearchFindsTheCodesWithinTheRadius) {
    const Data& d = data();
    size_t found = 0;
    size_t missed = 0;
    for (size_t q = 0; q < 50; ++q) {
        const double* scores = d.scores.data() + q * kVectors;
        std::vector<double> sorted(scores, scores + kVectors);
        std::sort(sorted.begin(), sorted.end(), closer);
        const auto radius = static_cast<float>((sorted[20] + sorted[21]) / 2);
        for (const float margin : {3.0f, kInfinity}) {
            std::vector<bool> hit(kVectors);
            int64_t before = -1;
            bqq::range_search_codes(
                    d.grouped, d.grouped_codes, d.queries.data() + q * kDimension, radius,
                    {8, margin}, {}, [&](int64_t position, float distance) {
                        EXPECT_GT(position, before) << "not in order";
                        before = position;
                        hit.at(static_cast<size_t>(position)) = true;
                        const double score = scores[position];
                        EXPECT_NEAR(distance, score, 2e-5 * (1 + std::fabs(score)));
                    });
            for (size_t i = 0; i < kVectors; ++i) {
                const double gap = scores[i] - static_cast<double>(radius);
                if (std::fabs(gap) < 1e-5 * (1 + std::fabs(scores[i]))) continue;
                const bool inside = closer(scores[i], static_cast<double>(radius));
                if (margin == kInfinity || !inside) {
                    ASSERT_EQ(hit[i], inside) << "query " << q << " code " << i;
                } else {
                    found += hit[i] ? 1 : 0;
                    missed += hit[i] ? 0 : 1;
                }
            }
        }
    }
    EXPECT_GT(found, 500u);
    EXPECT_LE(missed, found / 1000 + 1);
}

TEST_P(FlatSearch, RangeSearchOfNothingAndOfAll) {
    const Data& d = data();
    const float none = GetParam() == Metric::l2 ? -1.0f : kInfinity;
    const float all = GetParam() == Metric::l2 ? kInfinity : -kInfinity;
    const auto count = [&](float radius, const bqq::Allowed& allowed) {
        size_t found = 0;
        bqq::range_search_codes(
                d.grouped, d.grouped_codes, d.queries.data(), radius, {}, allowed,
                [&](int64_t, float) { ++found; });
        return found;
    };
    EXPECT_EQ(count(none, {}), 0u);
    EXPECT_EQ(count(all, {}), kVectors);
    EXPECT_EQ(count(all, [](int64_t position) { return position < 100; }), 100u);
}

TEST_P(FlatSearch, NoCodesAndNoQueries) {
    const Data& d = data();
    std::vector<float> distances(2, 5);
    std::vector<int64_t> labels(2, 5);
    bqq::search_codes(
            d.grouped, GroupedCodes(1, d.quantizer.code_size, 0), 1, d.queries.data(), 2, {}, {},
            distances.data(), labels.data());
    EXPECT_THAT(labels, Each(-1));
    EXPECT_NO_THROW(
            bqq::search_codes(d.grouped, d.grouped_codes, 0, nullptr, 2, {}, {}, nullptr, nullptr));
}

TEST_P(FlatSearch, ExtremeQueriesGiveNoNaN) {
    const Data& d = data();
    std::vector<float> queries(4 * kDimension);
    std::fill_n(queries.begin() + kDimension, kDimension, 1e20f);
    std::fill_n(queries.begin() + 2 * kDimension, kDimension, 1e-38f);
    for (size_t j = 0; j < kDimension; ++j)
        queries[3 * kDimension + j] = d.quantizer.basis().mean[j];
    std::vector<float> distances(4 * 5);
    std::vector<int64_t> labels(4 * 5);
    bqq::search_codes(
            d.grouped, d.grouped_codes, 4, queries.data(), 5, {}, {}, distances.data(),
            labels.data());
    EXPECT_THAT(distances, Each(Truly([](float value) { return !std::isnan(value); })));
    EXPECT_THAT(labels, Each(testing::Ge(0)));
}

TEST(CodeBlocks, HoldsWhatWasAdded) {
    constexpr size_t kSize = 7, n = 200;
    std::vector<uint8_t> codes(n * kSize);
    std::iota(codes.begin(), codes.end(), uint8_t{0});
    CodeBlocks blocks(kSize);
    for (size_t i = 0; i < n; i += 50) blocks.add(50, codes.data() + i * kSize);
    ASSERT_EQ(blocks.size(), n);
    ASSERT_EQ(blocks.view().blocks(), 4u);
    const auto expect_code = [&](size_t position, size_t i) {
        std::vector<uint8_t> code(kSize);
        blocks.get(position, code.data());
        EXPECT_TRUE(
                std::equal(code.begin(), code.end(), codes.begin() + static_cast<int>(i * kSize)))
                << position;
    };
    for (size_t i = 0; i < n; ++i) expect_code(i, i);
    EXPECT_EQ(blocks.view().data[64 * 7 + 2 * 64 + 3], codes[67 * kSize + 2]) << "interleaved";
    EXPECT_EQ(blocks.view().data[192 * 7 + 2 * 8 + 3], codes[195 * kSize + 2]) << "narrow block";
    EXPECT_EQ(reinterpret_cast<uintptr_t>(blocks.view().data) % 64, 0u);
    blocks.set(70, codes.data());
    expect_code(70, 0);
    blocks.truncate(100);
    EXPECT_EQ(blocks.size(), 100u);
    EXPECT_EQ(blocks.view().blocks(), 2u);
    blocks.add(1, codes.data() + 5 * kSize);
    expect_code(100, 5);
    expect_code(99, 99);
    blocks.clear();
    EXPECT_EQ(blocks.size(), 0u);
}

} // namespace
