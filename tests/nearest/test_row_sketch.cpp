#include "kernels/row_distances.h"
#include "kernels/smallest.h"
#include "nearest/nearest_rows.h"
#include "nearest/row_sketch.h"
#include "nearest/smallest_keys.h"
#include "random_data.h"
#include "targets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>
#include <utility>
#include <vector>

namespace row_sketch_test {

using bqq::Metric;
using bqq::RowSketch;
using bqq::test::gaussian_vectors;
using bqq::test::normal_numbers;
using bqq::test::target_name;
using bqq::test::targets;
using bqq::test::TargetTest;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

class RowKernels : public TargetTest {};
INSTANTIATE_TEST_SUITE_P(Targets, RowKernels, testing::ValuesIn(targets()), target_name);

TEST_P(RowKernels, DistancesOfChosenRows) {
    for (const size_t d : {1, 15, 16, 37, 300}) {
        const std::vector<float> rows = normal_numbers(9, d, 1);
        const std::vector<float> x = normal_numbers(1, d, 2);
        const std::vector<uint32_t> chosen{3, 8, 0, 3, 5, 1, 7};
        for (size_t n = 1; n <= chosen.size(); ++n) {
            std::vector<float> distances(n + 1, -1), products(n + 1, -1);
            bqq::kernels::squared_distances(
                    x.data(), rows.data(), d, chosen.data(), n, distances.data());
            bqq::kernels::inner_products(
                    x.data(), rows.data(), d, chosen.data(), n, products.data());
            for (size_t i = 0; i < n; ++i) {
                double distance = 0, product = 0;
                for (size_t j = 0; j < d; ++j) {
                    const double a = x[j];
                    const double b = rows[chosen[i] * d + j];
                    distance += (a - b) * (a - b);
                    product += a * b;
                }
                EXPECT_NEAR(distances[i], distance, 1e-5 * (1 + distance)) << d << " " << i;
                EXPECT_NEAR(products[i], product, 1e-5 * static_cast<double>(d)) << d << " " << i;
            }
            EXPECT_EQ(distances[n], -1);
            EXPECT_EQ(products[n], -1);
        }
    }
}

TEST_P(RowKernels, KeysUpToABoundInTheirOrder) {
    for (const size_t n : {1, 15, 16, 17, 100}) {
        std::vector<float> keys = normal_numbers(1, n, n);
        keys[n / 2] = kNaN;
        if (n > 20) keys[20] = -kInfinity;
        for (const float bound : {-kInfinity, -0.5f, 0.5f, kInfinity}) {
            std::vector<uint64_t> found(n);
            found.resize(bqq::kernels::keys_up_to(keys.data(), n, bound, found.data()));
            std::sort(found.begin(), found.end());
            std::vector<std::pair<float, size_t>> expected, got;
            for (size_t i = 0; i < n; ++i)
                if (keys[i] <= bound) expected.emplace_back(keys[i], i);
            std::sort(expected.begin(), expected.end());
            for (const uint64_t word : found)
                got.emplace_back(bqq::kernels::key_of(word), bqq::kernels::place_of(word));
            EXPECT_EQ(got, expected) << n << " " << bound;
        }
    }
}

TEST_P(RowKernels, LeastOfGroups) {
    for (const size_t n : {1, 16, 40, 100}) {
        std::vector<float> keys = normal_numbers(1, n, n);
        keys[n / 3] = kNaN;
        constexpr size_t kGroups = 32;
        std::vector<float> expected(kGroups, kInfinity), least(kGroups);
        for (size_t i = 0; i < n; ++i)
            if (keys[i] < expected[i % kGroups]) expected[i % kGroups] = keys[i];
        bqq::kernels::least_of_groups(keys.data(), n, kGroups, least.data());
        EXPECT_EQ(least, expected) << n;
    }
}

TEST(SmallestKeys, FindsTheSmallest) {
    bqq::SmallestKeys smallest;
    for (const size_t n : {1, 5, 64, 1000})
        for (const size_t k : {1, 5, 64, 1000}) {
            if (k > n) continue;
            const std::vector<float> keys = normal_numbers(1, n, n + k);
            std::vector<size_t> expected(n);
            std::iota(expected.begin(), expected.end(), size_t{0});
            std::sort(expected.begin(), expected.end(), [&](size_t a, size_t b) {
                return keys[a] < keys[b];
            });
            const auto found = smallest.find(keys.data(), n, k);
            ASSERT_GE(found.size(), k);
            for (size_t i = 0; i < found.size(); ++i)
                EXPECT_EQ(bqq::kernels::place_of(found[i]), expected[i]) << n << " " << k;
        }
}

/// Rows, queries, and what a comparison of all finds.
struct Case {
    static constexpr size_t kDimension = 200;
    static constexpr size_t kRows = 333;
    static constexpr size_t kQueries = 7;
    std::vector<float> rows, queries;

    /// The rows nearest to query i, nearest first, with their distances.
    /// Distance, or inner product, of query i and row r.
    double exact(size_t i, size_t r, Metric metric) const {
        double sum = 0;
        for (size_t j = 0; j < kDimension; ++j) {
            const double a = queries[i * kDimension + j];
            const double b = rows[r * kDimension + j];
            sum += metric == Metric::l2 ? (a - b) * (a - b) : a * b;
        }
        return sum;
    }

    /// Of query i and each row, the nearest first.
    std::vector<double> nearest(size_t i, Metric metric) const {
        std::vector<double> all;
        for (size_t r = 0; r < kRows; ++r) all.push_back(exact(i, r, metric));
        std::sort(all.begin(), all.end());
        if (metric == Metric::inner_product) std::reverse(all.begin(), all.end());
        return all;
    }

    /// Searches, compares, and returns what was done.
    RowSketch::Work check(Metric metric, size_t k, double tolerance, size_t most = kRows) const {
        const RowSketch sketch(rows.data(), kRows, kDimension, metric);
        RowSketch::Scratch scratch;
        std::vector<float> distances(kQueries * k);
        std::vector<int64_t> found(kQueries * k);
        const RowSketch::Work work = sketch.find_nearest(
                rows.data(), kQueries, queries.data(), k, most, distances.data(), found.data(),
                scratch);
        for (size_t i = 0; i < work.vectors; ++i) {
            const std::vector<double> expected = nearest(i, metric);
            std::set<size_t> rows_of_query;
            for (size_t rank = 0; rank < k; ++rank) {
                const auto row = static_cast<size_t>(found[i * k + rank]);
                EXPECT_LT(row, kRows);
                if (row >= kRows) continue;
                rows_of_query.insert(row);
                EXPECT_NEAR(exact(i, row, metric), expected[rank], tolerance) << i << " " << rank;
                EXPECT_NEAR(distances[i * k + rank], expected[rank], tolerance);
            }
            EXPECT_EQ(rows_of_query.size(), k);
        }
        return work;
    }
};

TEST(RowSketch, FindsTheNearestOfFewDistances) {
    const Case data{
            gaussian_vectors(Case::kRows, Case::kDimension, 1, 1.0),
            gaussian_vectors(Case::kQueries, Case::kDimension, 2, 1.0)};
    for (const Metric metric : {Metric::l2, Metric::inner_product})
        for (const size_t k : {1, 10}) {
            const RowSketch::Work work = data.check(metric, k, 1e-4);
            EXPECT_EQ(work.vectors, Case::kQueries);
            EXPECT_GE(work.distances, Case::kQueries * k);
            EXPECT_LT(work.distances, Case::kQueries * Case::kRows / 3);
        }
}

TEST(RowSketch, FindsTheNearestWhereNoDirectionStandsOut) {
    const Case data{
            normal_numbers(Case::kRows, Case::kDimension, 1),
            normal_numbers(Case::kQueries, Case::kDimension, 2)};
    for (const Metric metric : {Metric::l2, Metric::inner_product})
        for (const size_t k : {size_t{1}, size_t{40}, Case::kRows})
            EXPECT_EQ(data.check(metric, k, 1e-3).vectors, Case::kQueries);
}

TEST(RowSketch, IsGivenUpWhereItSavesNothing) {
    const Case data{
            normal_numbers(Case::kRows, Case::kDimension, 1),
            normal_numbers(Case::kQueries, Case::kDimension, 2)};
    for (const Metric metric : {Metric::l2, Metric::inner_product})
        for (const size_t k : {size_t{40}, Case::kRows}) {
            const RowSketch::Work work = data.check(metric, k, 1e-3, 1);
            EXPECT_GT(work.vectors, 0u);
            EXPECT_LT(work.vectors, Case::kQueries);
        }
}

TEST(RowSketch, FindsTheNearestFarFromTheOrigin) {
    Case data{
            gaussian_vectors(Case::kRows, Case::kDimension, 1, 1.0),
            gaussian_vectors(Case::kQueries, Case::kDimension, 2, 1.0)};
    for (float& value : data.rows) value += 100;
    for (float& value : data.queries) value += 100;
    data.check(Metric::l2, 10, 1e-3);
}

/// The rows nearest to queries, and their distances, by the definition: float distances, equal ones
/// by their number, those that are not numbers left out.
struct Found {
    std::vector<float> distances;
    std::vector<int64_t> rows;

    Found(size_t n, size_t k) : distances(n * k), rows(n * k) {}
    bool operator==(const Found& other) const {
        const auto bits = [](float a, float b) {
            return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b);
        };
        return rows == other.rows && std::ranges::equal(distances, other.distances, bits);
    }
};

/// Whose rows, and which: those that NearestRows has a sketch of and those that it compares with
/// all.
class NearestRowsOf : public TargetTest {
protected:
    static constexpr size_t kQueries = 20;

    static void expect_the_same(
            const std::vector<float>& rows, const std::vector<float>& queries, size_t d) {
        const size_t size = rows.size() / d;
        for (const Metric metric : {Metric::l2, Metric::inner_product}) {
            const bqq::NearestRows nearest(rows.data(), size, d, metric);
            for (const size_t k : {size_t{1}, size_t{7}, size}) {
                Found wanted(kQueries, k), together(kQueries, k), alone(kQueries, k);
                bqq::find_nearest_rows(
                        rows.data(), size, d, metric, kQueries, queries.data(), k,
                        wanted.distances.data(), wanted.rows.data());
                bqq::NearestRows::Scratch scratch;
                nearest.find(
                        kQueries, queries.data(), k, together.distances.data(),
                        together.rows.data(), scratch);
                EXPECT_EQ(together, wanted) << "k " << k;
                for (size_t i = 0; i < kQueries; ++i)
                    nearest.find(
                            1, queries.data() + i * d, k, alone.distances.data() + i * k,
                            alone.rows.data() + i * k, scratch);
                EXPECT_EQ(alone, wanted) << "k " << k;
            }
        }
    }
};
INSTANTIATE_TEST_SUITE_P(Targets, NearestRowsOf, testing::ValuesIn(targets()), target_name);

TEST_P(NearestRowsOf, BitsDoNotDependOnHowTheyAreFound) {
    for (const size_t d : {20, 200}) {
        expect_the_same(gaussian_vectors(210, d, 1, 1.0), gaussian_vectors(kQueries, d, 2, 1.0), d);
        expect_the_same(normal_numbers(210, d, 1), normal_numbers(kQueries, d, 2), d);
    }
}

// Rounding decides: all rows are on a sphere, and the queries about its centre.
TEST_P(NearestRowsOf, RowsAtAllButTheSameDistance) {
    for (const size_t d : {20, 200}) {
        std::vector<float> rows = normal_numbers(300, d, 1);
        for (size_t i = 0; i < 300; ++i) {
            float* row = rows.data() + i * d;
            const auto norm =
                    static_cast<float>(std::sqrt(std::inner_product(row, row + d, row, 0.0)));
            for (size_t j = 0; j < d; ++j) row[j] /= norm;
        }
        std::vector<float> queries = normal_numbers(kQueries, d, 2);
        for (float& value : queries) value *= 1e-8f;
        expect_the_same(rows, queries, d);
    }
}

TEST_P(NearestRowsOf, EqualRowsAreInTheirOrder) {
    constexpr size_t d = 200;
    std::vector<float> rows = gaussian_vectors(400, d, 1, 1.0);
    for (size_t i = 200; i < 400; ++i)
        std::copy_n(rows.data() + (i - 200) * d, d, rows.data() + i * d);
    expect_the_same(rows, gaussian_vectors(kQueries, d, 2, 1.0), d);
}

TEST_P(NearestRowsOf, QueriesAndRowsAtTheEndOfTheRange) {
    constexpr size_t d = 200;
    std::vector<float> queries = gaussian_vectors(kQueries, d, 2, 1.0);
    for (size_t i = 0; i < kQueries; i += 3)
        for (size_t j = 0; j < d; ++j) queries[i * d + j] *= i % 2 == 0 ? 1e18f : 3e37f;
    std::vector<float> rows = gaussian_vectors(333, d, 1, 1.0);
    expect_the_same(rows, queries, d);
    for (size_t j = 0; j < 2 * d; ++j) rows[j] *= 1e37f;
    expect_the_same(rows, queries, d);
}

TEST_P(NearestRowsOf, DistancesOverflowToInfinity) {
    constexpr size_t d = 200, n = 333;
    const std::vector<float> rows = normal_numbers(n, d, 1);
    const std::vector<float> query(d, 1e30f);
    Found found(1, n);
    bqq::find_nearest_rows(
            rows.data(), n, d, Metric::l2, 1, query.data(), n, found.distances.data(),
            found.rows.data());
    EXPECT_THAT(found.distances, testing::Each(kInfinity));
    EXPECT_EQ(found.rows.back(), n - 1);
}

} // namespace row_sketch_test
