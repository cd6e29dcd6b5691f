#include "codec/quantizer_fixture.h"
#include "random_data.h"
#include "search/list_search.h"
#include "search_results.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace search_test {

using bqq::CodeLists;
using bqq::CodesWithin;
using bqq::ListSearch;
using bqq::Metric;
using bqq::NearestCodes;
using bqq::Place;
using bqq::Quantizer;
using bqq::ScanParameters;
using bqq::test::decoded;
using bqq::test::Encoded;
using bqq::test::encoded;
using bqq::test::gaussian_vectors;
using bqq::test::recall;
using bqq::test::Results;
using testing::Each;
using testing::Truly;

constexpr size_t kDimension = 24, kAtoms = 60, kVectors = 3000, kQueries = 200, kNeighbours = 10;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

using Allowed = std::function<bool(int64_t)>;

/// A quantizer and codes with positional ids: searched as a flat index does.
struct Searched {
    Quantizer quantizer;
    CodeLists lists;

    Searched(const Quantizer& of, const Encoded& codes)
            : quantizer(of), lists(of.bases(), of.code_size(), CodeLists::Ids::positional) {
        lists.append(codes.lists.size(), codes.codes.data(), codes.lists);
    }

    /// Distances are negative inner products.
    Results search(
            std::span<const float> queries, size_t k, const ScanParameters& parameters,
            const Allowed& allowed = {}) const {
        const size_t n = queries.size() / quantizer.d();
        Results results{std::vector<float>(n * k, kInfinity), std::vector<int64_t>(n * k, -1)};
        run<NearestCodes>(
                queries, parameters, allowed,
                [&](size_t, double base) {
                    return NearestCodes(lists.nlist(), k, lists.size(), base);
                },
                [&](size_t q, NearestCodes& nearest) {
                    size_t at = q * k;
                    nearest.for_each(
                            [&](Place place, double distance) {
                                results.labels[at] = lists.id(place);
                                results.distances[at++] = static_cast<float>(distance);
                            },
                            [](size_t, double) { FAIL() << "nothing was given"; });
                });
        return results;
    }

    /// (id, distance) of all nearer than the radius, in the order of finding.
    std::vector<std::pair<int64_t, double>> range_search(
            std::span<const float> query, double radius, const ScanParameters& parameters,
            const Allowed& allowed = {}) const {
        std::vector<std::pair<int64_t, double>> found;
        run<CodesWithin>(
                query, parameters, allowed,
                [&](size_t, double base) { return CodesWithin(radius, base); },
                [&](size_t, CodesWithin& within) {
                    for (const auto& [place, distance] : within.found())
                        found.emplace_back(lists.id(place), distance);
                });
        return found;
    }

private:
    template <class Collector>
    void run(
            std::span<const float> queries, const ScanParameters& parameters,
            const Allowed& allowed, const std::function<Collector(size_t, double)>& make,
            const std::function<void(size_t, Collector&)>& finish) const {
        const bqq::SearchedCodeLists searched(lists);
        ListSearch search{quantizer, searched, lists.nlist(), {}, parameters, {}};
        if (allowed) search.allowed = [&](Place place) { return allowed(lists.id(place)); };
        bqq::search_all_lists<Collector>(
                search, queries.size() / quantizer.d(), queries.data(), make, finish);
    }
};

/** Distances of all codes to a query, in double and by decode() and the stored norms alone: squared
 * L2 |q - c|^2 + nu - 2 <q - m, decoded - c>, nu in the vectors' own units, c the list's centre and
 * m the mean of its basis, which it is here; or the negative inner product -<q, decoded>.
 */
std::vector<double> true_distances(
        const Quantizer& quantizer, const Encoded& codes, std::span<const float> query) {
    const size_t n = codes.lists.size();
    const size_t d = quantizer.d();
    const bool l2 = quantizer.metric() == Metric::l2;
    const std::vector<float> y = decoded(quantizer, codes);
    std::vector<double> distances(n);
    for (size_t i = 0; i < n; ++i) {
        const bqq::Basis& basis = quantizer.basis(codes.lists[i]);
        double dot = 0;
        double q2 = 0;
        for (size_t j = 0; j < d; ++j) {
            const double mean = l2 ? static_cast<double>(basis.mean[j]) : 0;
            const double q = static_cast<double>(query[j]) - mean;
            dot += q * (static_cast<double>(y[i * d + j]) - mean);
            q2 += q * q;
        }
        const uint8_t* scales =
                codes.codes.data() + i * quantizer.code_size() + quantizer.bits_size();
        const auto unit = static_cast<double>(basis.scale);
        const double nu = unit * unit * static_cast<double>(basis.scales.decode(scales).nu);
        distances[i] = l2 ? q2 + nu - 2 * dot : -dot;
    }
    return distances;
}

/// 3000 codes of one basis and 200 queries, of one metric.
class FlatSearch : public testing::TestWithParam<Metric> {
protected:
    struct Data {
        Quantizer quantizer;
        Encoded codes;
        Searched searched;
        std::vector<float> queries;
        std::vector<double> distances; // kQueries x kVectors
    };

    static const Data& data() {
        static const Data l2 = make(Metric::l2);
        static const Data inner_product = make(Metric::inner_product);
        return GetParam() == Metric::l2 ? l2 : inner_product;
    }

    static Data make(Metric metric) {
        const std::vector<float> x = gaussian_vectors(kVectors, kDimension, 1);
        const Quantizer quantizer = bqq::test::trained(x, kDimension, kAtoms, metric);
        const Encoded codes = encoded(quantizer, x);
        Data data{
                quantizer,
                codes,
                {quantizer, codes},
                gaussian_vectors(kQueries, kDimension, 2),
                {}};
        for (size_t q = 0; q < kQueries; ++q) {
            const std::vector<double> of_query = true_distances(quantizer, codes, query(data, q));
            data.distances.insert(data.distances.end(), of_query.begin(), of_query.end());
        }
        return data;
    }

    static std::span<const float> query(const Data& data, size_t q) {
        return std::span(data.queries).subspan(q * kDimension, kDimension);
    }

    static Results search(
            const ScanParameters& parameters, size_t k = kNeighbours, const Allowed& allowed = {}) {
        return data().searched.search(data().queries, k, parameters, allowed);
    }

    /// Neighbours by the true distances.
    static std::vector<int64_t> true_labels(size_t k, const Allowed& allowed = {}) {
        std::vector<int64_t> labels;
        for (size_t q = 0; q < kQueries; ++q) {
            std::vector<int64_t> order;
            for (size_t i = 0; i < kVectors; ++i)
                if (!allowed || allowed(static_cast<int64_t>(i)))
                    order.push_back(static_cast<int64_t>(i));
            const double* distances = data().distances.data() + q * kVectors;
            std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
                return distances[a] < distances[b];
            });
            labels.insert(labels.end(), order.begin(), order.begin() + static_cast<int64_t>(k));
        }
        return labels;
    }

    static void expect_true_distances(const Results& results, size_t k) {
        for (size_t i = 0; i < results.labels.size(); ++i) {
            ASSERT_GE(results.labels[i], 0);
            const double distance =
                    data().distances[i / k * kVectors + static_cast<size_t>(results.labels[i])];
            ASSERT_NEAR(results.distances[i], distance, 2e-5 * (1 + std::fabs(distance)));
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
        EXPECT_GE(recall(results.labels, exact.labels, kNeighbours), bits == 2 ? 0.995 : 0.997)
                << bits;
        EXPECT_EQ(search({bits, kInfinity}), exact) << bits;
        expect_true_distances(results, kNeighbours);
    }
}

TEST_P(FlatSearch, DistancesAreSorted) {
    const Results results = search({}, 50);
    for (size_t i = 1; i < results.distances.size(); ++i) {
        if (i % 50 == 0) continue;
        ASSERT_GE(results.distances[i], results.distances[i - 1]) << i;
    }
}

TEST_P(FlatSearch, OnlyAllowedPositionsAreFound) {
    const Allowed allowed = [](int64_t position) { return position % 7 == 3; };
    const Results results = search({8, kInfinity}, kNeighbours, allowed);
    EXPECT_THAT(results.labels, Each(Truly(allowed)));
    EXPECT_GE(recall(results.labels, true_labels(kNeighbours, allowed), kNeighbours), 0.9995);
    EXPECT_GE(recall(search({}, kNeighbours, allowed).labels, results.labels, kNeighbours), 0.999);
}

TEST_P(FlatSearch, FewerAllowedThanWantedAreAllFound) {
    const Allowed allowed = [](int64_t position) { return position >= 2997; };
    const Results results = search({}, 5, allowed);
    for (size_t i = 0; i < results.labels.size(); ++i) {
        const int64_t label = results.labels[i];
        ASSERT_TRUE(i % 5 < 3 ? label >= 2997 : label == -1);
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
    std::vector<size_t> chosen(20);
    std::iota(chosen.begin(), chosen.end(), size_t{0});
    for (const bqq::QueryScan& scan :
         bqq::prepare_scans(d.quantizer.basis(0), chosen, d.queries.data(), ScanParameters{})) {
        std::vector<size_t> positions;
        std::vector<float> keys;
        scan.run(
                d.searched.lists.codes(0), 0, 1, [](size_t) { return true; },
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

/// 20,032 codes of 1024 bits, of a spectrum that falls, and 100 queries; half of them have 12 near
/// duplicates among the codes.
class LongCodes : public testing::TestWithParam<Metric> {
protected:
    static constexpr size_t kLongDimension = 96, kLongAtoms = 1024, kMany = 20032, kAsking = 100;
    struct Data {
        Quantizer quantizer;
        Encoded codes;
        Searched searched;
        std::vector<float> queries;
    };

    static const Data& data() {
        static const Data of_metric[2] = {make(Metric::l2), make(Metric::inner_product)};
        return of_metric[GetParam() == Metric::l2 ? 0 : 1];
    }

private:
    static std::vector<float> falling(size_t n, uint64_t seed) {
        std::vector<float> x = gaussian_vectors(n, kLongDimension, seed);
        for (size_t i = 0; i < x.size(); ++i)
            x[i] /= std::sqrt(static_cast<float>(i % kLongDimension + 1));
        return x;
    }
    static Data make(Metric metric) {
        std::vector<float> base = falling(kMany, 1);
        std::vector<float> queries = falling(kAsking, 2);
        const std::vector<float> noise = falling(kAsking * 6, 3);
        for (size_t i = 0; i < noise.size(); ++i) {
            const size_t duplicate = i / kLongDimension;
            const size_t place = duplicate * 31 + 40; // anywhere
            base[place * kLongDimension + i % kLongDimension] =
                    queries[duplicate / 12 * 2 * kLongDimension + i % kLongDimension] +
                    0.05f * noise[i];
        }
        Quantizer quantizer(kLongDimension, kLongAtoms, metric);
        quantizer.train(base);
        Encoded codes = encoded(quantizer, base);
        Searched searched(quantizer, codes);
        return {quantizer, std::move(codes), std::move(searched), std::move(queries)};
    }
};
INSTANTIATE_TEST_SUITE_P(
        Metrics, LongCodes, testing::Values(Metric::l2, Metric::inner_product),
        [](const auto& test) { return test.param == Metric::l2 ? "L2" : "InnerProduct"; });

TEST_P(LongCodes, LeavingBlocksEarlyLosesNextToNothing) {
    const Data& d = data();
    for (const size_t k : {1, 10, 100})
        for (const int query_bits : {2, 8}) {
            const Results exact = d.searched.search(d.queries, k, {.margin = kInfinity});
            const Results early = d.searched.search(
                    d.queries, k, {.query_bits = query_bits, .leave_early = true});
            EXPECT_GE(recall(early.labels, exact.labels, k), 0.998) << k << ' ' << query_bits;
        }
}

TEST_P(LongCodes, BlocksAreLeftByWhatTheirLaterBitsAreExpectedToAdd) {
    const Data& d = data();
    const auto& codes = d.searched.lists.codes(0);
    const size_t first = 1; // a query without duplicates
    const std::vector<bqq::QueryScan> scans = bqq::prepare_scans(
            d.quantizer.basis(0), {&first, 1}, d.queries.data(), {.leave_early = true});
    const Results exact = d.searched.search(
            std::span(d.queries).subspan(kLongDimension, kLongDimension), 100,
            {.margin = kInfinity});
    const auto found = [&](bqq::LeftOut* left_out) {
        const double offset = bqq::list_offset(
                GetParam(), &d.queries[kLongDimension], d.quantizer.basis(0).mean.data(),
                kLongDimension);
        const double worst = static_cast<double>(exact.distances[99]) - offset;
        size_t count = 0;
        scans[0].run(
                codes, 0, codes.blocks(), [](size_t) { return true; },
                [&] { return static_cast<float>(worst); },
                [&](size_t, float key) { count += static_cast<double>(key) <= worst ? 1 : 0; },
                left_out);
        return count;
    };
    const auto expecting = [](float part) {
        bqq::LeftOut left_out;
        for (int i = 0; i < 48; ++i) left_out.add(part);
        return left_out;
    };
    const size_t all = found(nullptr);
    EXPECT_NEAR(static_cast<double>(all), 100, 3);
    bqq::LeftOut much = expecting(50), little = expecting(-50);
    EXPECT_EQ(found(&much), all);
    EXPECT_EQ(found(&little), 0u);
    bqq::LeftOut unknown;
    EXPECT_EQ(found(&unknown), all);
}

TEST(LeftOut, WaitsWhereFewBlocksAreLeft) {
    bqq::LeftOut left_out;
    EXPECT_FALSE(left_out.is_worth_a_try());
    for (int i = 0; i < 48; ++i) left_out.add(i % 2 == 0 ? 1.0f : 3.0f);
    EXPECT_NEAR(left_out.mean(), 2, 0.1);
    EXPECT_NEAR(left_out.variance(), 1, 0.1);
    EXPECT_TRUE(left_out.is_worth_a_try());
    left_out.count_left(0.5, 0.4);
    EXPECT_TRUE(left_out.is_worth_a_try());
    for (const int pause : {7, 15, 31, 31}) {
        left_out.count_left(0.3, 0.4);
        for (int i = 0; i < pause; ++i) ASSERT_FALSE(left_out.is_worth_a_try()) << pause;
        ASSERT_TRUE(left_out.is_worth_a_try()) << pause;
    }
    left_out.count_left(0.5, 0.4);
    left_out.count_left(0.3, 0.4);
    for (int i = 0; i < 7; ++i) EXPECT_FALSE(left_out.is_worth_a_try());
    EXPECT_TRUE(left_out.is_worth_a_try());
}

TEST_P(FlatSearch, AQueryIsAnsweredAloneAsAmongOthers) {
    const Results all = search({});
    const Data& d = data();
    for (size_t q = 0; q < kQueries; q += 7) {
        const Results one = d.searched.search(query(d, q), kNeighbours, {});
        for (size_t i = 0; i < kNeighbours; ++i) {
            ASSERT_EQ(one.labels[i], all.labels[q * kNeighbours + i]);
            ASSERT_EQ(one.distances[i], all.distances[q * kNeighbours + i]);
        }
    }
}

TEST_P(FlatSearch, EqualDistancesAreOrderedByPosition) {
    const Data& d = data();
    // Codes 0 and 1 in turns: two distances, each at every second position.
    Encoded codes;
    for (size_t i = 0; i < 200; ++i) {
        const auto code = d.codes.codes.begin() +
                          static_cast<std::ptrdiff_t>(i % 2 * d.quantizer.code_size());
        codes.codes.insert(
                codes.codes.end(), code,
                code + static_cast<std::ptrdiff_t>(d.quantizer.code_size()));
        codes.lists.push_back(0);
    }
    const Searched searched(d.quantizer, codes);
    for (const float margin : {3.0f, kInfinity}) {
        const std::vector<int64_t> labels = searched.search(query(d, 0), 130, {8, margin}).labels;
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
        const double* distances = d.distances.data() + q * kVectors;
        std::vector<double> sorted(distances, distances + kVectors);
        std::sort(sorted.begin(), sorted.end());
        const double radius = (sorted[20] + sorted[21]) / 2;
        for (const float margin : {3.0f, kInfinity}) {
            std::vector<bool> hit(kVectors);
            int64_t before = -1;
            for (const auto& [id, distance] :
                 d.searched.range_search(query(d, q), radius, {8, margin})) {
                EXPECT_GT(id, before) << "not in order";
                before = id;
                hit.at(static_cast<size_t>(id)) = true;
                EXPECT_NEAR(distance, distances[id], 2e-5 * (1 + std::fabs(distances[id])));
            }
            for (size_t i = 0; i < kVectors; ++i) {
                if (std::fabs(distances[i] - radius) < 1e-5 * (1 + std::fabs(distances[i])))
                    continue;
                const bool inside = distances[i] < radius;
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
    const auto count = [&](double radius, const Allowed& allowed) {
        return d.searched.range_search(query(d, 0), radius, {}, allowed).size();
    };
    const double none = GetParam() == Metric::l2 ? -1.0 : -HUGE_VAL;
    EXPECT_EQ(count(none, {}), 0u);
    EXPECT_EQ(count(HUGE_VAL, {}), kVectors);
    EXPECT_EQ(count(HUGE_VAL, [](int64_t id) { return id < 100; }), 100u);
}

TEST_P(FlatSearch, NoCodesAndNoQueries) {
    const Data& d = data();
    const Searched empty(d.quantizer, {});
    EXPECT_THAT(empty.search(query(d, 0), 2, {}).labels, Each(-1));
    EXPECT_TRUE(empty.range_search(query(d, 0), HUGE_VAL, {}).empty());
    EXPECT_TRUE(d.searched.search({}, 2, {}).labels.empty());
}

/** Distances are right up to the rounding of floats of the size of the terms that they are sums of,
 * and beyond the floats infinite. The codes found are the nearest up to that.
 */
void expect_right_far_out(
        const Quantizer& quantizer, const Encoded& codes, const Results& results, size_t k,
        std::span<const float> queries) {
    const size_t d = quantizer.d();
    for (size_t q = 0; q < queries.size() / d; ++q) {
        SCOPED_TRACE("query " + std::to_string(q));
        const std::span<const float> query = queries.subspan(q * d, d);
        const std::vector<double> distances = true_distances(quantizer, codes, query);
        std::vector<double> sorted = distances;
        std::sort(sorted.begin(), sorted.end());
        double size = 1;
        for (const float value : query) {
            const double v = std::fabs(static_cast<double>(value));
            size += quantizer.metric() == Metric::l2 ? v * v : v;
        }
        for (size_t i = 0; i < k; ++i) {
            const int64_t label = results.labels[q * k + i];
            const float distance = results.distances[q * k + i];
            ASSERT_GE(label, 0);
            const double expected = distances[static_cast<size_t>(label)];
            const auto nearest = static_cast<float>(sorted[i]);
            // A distance is kept as a float that is added to what a centre has in double.
            double most = 0;
            for (size_t b = 0; b < quantizer.bases(); ++b)
                most = std::max(
                        most, std::fabs(
                                      expected - bqq::list_offset(
                                                         quantizer.metric(), query.data(),
                                                         quantizer.basis(b).mean.data(), d)));
            ASSERT_FALSE(std::isnan(distance));
            if (std::isinf(static_cast<float>(most)) && quantizer.metric() != Metric::l2) continue;
            if (std::isinf(static_cast<float>(expected)))
                ASSERT_EQ(distance, static_cast<float>(expected));
            else
                ASSERT_NEAR(distance, expected, 1e-5 * size);
            if (std::isinf(nearest))
                ASSERT_EQ(distance, nearest);
            else
                ASSERT_LE(expected, sorted[i] + 1e-5 * size);
        }
    }
}

std::vector<float> far_queries(size_t d) {
    std::vector<float> queries;
    for (const float length :
         {1e8f, 1e16f, -1e16f, 1e18f, 1e30f, std::numeric_limits<float>::max() / 4,
          std::numeric_limits<float>::lowest() / 4}) {
        queries.insert(queries.end(), d, length);
        for (size_t j = 0; j < d; ++j) // signs and sizes of all kinds
            queries.push_back((j % 2 == 0 ? 1.0f : -1.0f) * length / static_cast<float>(1 + j * j));
        queries.insert(queries.end(), d, 0);
        queries.end()[-2] = length;
    }
    return queries;
}

TEST_P(FlatSearch, ExtremeQueriesHaveTheirTrueDistances) {
    const Data& d = data();
    std::vector<float> queries = far_queries(kDimension);
    queries.insert(queries.end(), kDimension, 0);
    queries.insert(queries.end(), kDimension, 1e-38f);
    const std::vector<float>& mean = d.quantizer.basis(0).mean;
    queries.insert(queries.end(), mean.begin(), mean.end());
    for (const float margin : {3.0f, std::numeric_limits<float>::max(), kInfinity}) {
        SCOPED_TRACE("margin " + std::to_string(margin));
        const Results results = d.searched.search(queries, 5, {8, margin});
        expect_right_far_out(d.quantizer, d.codes, results, 5, queries);
    }
}

/// Codes with alpha 0, whose distance is that of the centre, and queries with w = 0 count as others
/// do.
TEST_P(FlatSearch, AMarginWithoutEndScoresEveryCode) {
    const Data& d = data();
    Encoded codes = d.codes;
    for (size_t i = 0; i < kVectors; i += 2)
        codes.codes[i * d.quantizer.code_size() + d.quantizer.bits_size()] = 0; // alpha
    const Searched searched(d.quantizer, codes);
    const std::vector<float>& mean = d.quantizer.basis(0).mean;
    std::vector<float> queries(d.queries.begin(), d.queries.begin() + 3 * kDimension);
    queries.insert(queries.end(), mean.begin(), mean.end()); // w = 0 for L2
    queries.insert(queries.end(), kDimension, 0);            // and for the inner product
    for (size_t q = 0; q < queries.size() / kDimension; ++q) {
        SCOPED_TRACE("query " + std::to_string(q));
        const auto query = std::span(queries).subspan(q * kDimension, kDimension);
        const std::vector<double> distances = true_distances(d.quantizer, codes, query);
        const Results all = searched.search(query, kVectors, {8, kInfinity});
        std::vector<bool> found(kVectors);
        for (size_t i = 0; i < kVectors; ++i) {
            const auto label = static_cast<size_t>(all.labels[i]);
            ASSERT_LT(label, kVectors);
            EXPECT_FALSE(found[label]);
            found[label] = true;
            const double expected = distances[label];
            ASSERT_NEAR(all.distances[i], expected, 2e-5 * (1 + std::fabs(expected)));
        }
        for (const float margin : {3.0f, std::numeric_limits<float>::max(), kInfinity}) {
            const Results some = searched.search(query, 5, {8, margin});
            for (size_t i = 0; i < 5; ++i) ASSERT_EQ(some.distances[i], all.distances[i]);
            EXPECT_EQ(searched.range_search(query, HUGE_VAL, {8, margin}).size(), kVectors);
        }
    }
}

TEST_P(FlatSearch, VectorsOfEveryLengthHaveTheirTrueDistances) {
    for (const float length : {1e-15f, 1e15f, 5e17f, 1e22f}) {
        SCOPED_TRACE(length);
        std::vector<float> x = gaussian_vectors(500, kDimension, 1);
        for (float& value : x) value *= length;
        const Quantizer quantizer = bqq::test::trained(x, kDimension, kAtoms, GetParam());
        const Encoded codes = encoded(quantizer, x);
        const Searched searched(quantizer, codes);
        std::vector<float> queries = gaussian_vectors(5, kDimension, 2);
        // Squared distances of vectors as long as the longest are beyond the floats.
        if (GetParam() == Metric::l2 && length < 1e20f)
            for (float& value : queries) value *= length;
        for (const float margin : {3.0f, kInfinity}) {
            const Results results = searched.search(queries, 5, {8, margin});
            for (size_t q = 0; q < 5; ++q) {
                const auto query = std::span(queries).subspan(q * kDimension, kDimension);
                const std::vector<double> distances = true_distances(quantizer, codes, query);
                for (size_t i = q * 5; i < q * 5 + 5; ++i) {
                    ASSERT_GE(results.labels[i], 0);
                    const double expected = distances[static_cast<size_t>(results.labels[i])];
                    if (static_cast<float>(expected) == kInfinity)
                        ASSERT_GT(results.distances[i], 1e36f);
                    else
                        ASSERT_NEAR(results.distances[i], expected, 1e-4 * std::fabs(expected));
                }
            }
        }
    }
}

/// Three lists with a basis each.
class ListsSearch : public testing::TestWithParam<Metric> {
protected:
    const std::vector<float> x = [] {
        std::vector<float> all = gaussian_vectors(kVectors, kDimension, 1);
        for (size_t i = 0; i < all.size(); ++i)
            all[i] += static_cast<float>(i / kDimension % 3) * 2;
        return all;
    }();
    const std::vector<float> queries{x.begin(), x.begin() + 60 * kDimension};
    const Quantizer quantizer = bqq::test::trained(x, kDimension, kAtoms, GetParam(), {}, 3);
    const Encoded codes = encoded(quantizer, x);
    const Searched searched{quantizer, codes};
};
INSTANTIATE_TEST_SUITE_P(
        Metrics, ListsSearch, testing::Values(Metric::l2, Metric::inner_product),
        [](const auto& test) { return test.param == Metric::l2 ? "L2" : "InnerProduct"; });

TEST_P(ListsSearch, FindsTheNearestOfAllLists) {
    ASSERT_EQ(quantizer.bases(), 3u);
    const Results exact = searched.search(queries, kNeighbours, {8, kInfinity});
    std::vector<int64_t> truth;
    for (size_t q = 0; q < 60; ++q) {
        const std::vector<double> distances = true_distances(
                quantizer, codes, std::span(queries).subspan(q * kDimension, kDimension));
        std::vector<int64_t> order(kVectors);
        std::iota(order.begin(), order.end(), int64_t{0});
        std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
            return distances[static_cast<size_t>(a)] < distances[static_cast<size_t>(b)];
        });
        truth.insert(truth.end(), order.begin(), order.begin() + kNeighbours);
        for (size_t i = 0; i < kNeighbours; ++i) {
            const size_t at = q * kNeighbours + i;
            const double expected = distances[static_cast<size_t>(exact.labels[at])];
            ASSERT_NEAR(exact.distances[at], expected, 1e-4 * (1 + std::fabs(expected)));
        }
    }
    EXPECT_GE(recall(exact.labels, truth, kNeighbours), 0.999);
    EXPECT_GE(recall(searched.search(queries, kNeighbours, {}).labels, truth, kNeighbours), 0.998);
    // All codes, once each.
    const Results all = searched.search(queries, kVectors, {});
    for (size_t q = 0; q < 60; ++q) {
        const auto row = all.labels.begin() + static_cast<std::ptrdiff_t>(q * kVectors);
        std::vector<int64_t> labels(row, row + kVectors);
        std::sort(labels.begin(), labels.end());
        for (size_t i = 0; i < kVectors; ++i) ASSERT_EQ(labels[i], static_cast<int64_t>(i));
    }
}

TEST_P(ListsSearch, RangeSearchMeetsAllLists) {
    const std::span<const float> query = std::span(queries).first(kDimension);
    const std::vector<double> distances = true_distances(quantizer, codes, query);
    std::vector<double> sorted = distances;
    std::sort(sorted.begin(), sorted.end());
    const double radius = (sorted[1500] + sorted[1501]) / 2;
    std::vector<bool> hit(kVectors);
    for (const auto& [id, distance] : searched.range_search(query, radius, {8, kInfinity}))
        hit[static_cast<size_t>(id)] = true;
    for (size_t i = 0; i < kVectors; ++i) {
        if (std::fabs(distances[i] - radius) < 1e-4 * (1 + std::fabs(radius))) continue;
        ASSERT_EQ(hit[i], distances[i] < radius) << i;
    }
}

TEST_P(ListsSearch, ExtremeQueriesHaveTheirTrueDistances) {
    const std::vector<float> far = far_queries(kDimension);
    for (const float margin : {3.0f, kInfinity}) {
        SCOPED_TRACE("margin " + std::to_string(margin));
        expect_right_far_out(quantizer, codes, searched.search(far, 5, {8, margin}), 5, far);
    }
}

} // namespace search_test
