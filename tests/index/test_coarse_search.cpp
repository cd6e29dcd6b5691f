#include "index/coarse_search.h"
#include "random_data.h"

#include <faiss/IndexFlat.h>
#include <faiss/IndexHNSW.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace coarse_search_test {

using bqq::CoarseSearch;
using bqq::test::gaussian_vectors;
using bqq::test::normal_numbers;

constexpr int64_t kCentroids = 400;
constexpr int64_t kQueries = 60;

/// Squared L2 or the inner product.
float distance(const faiss::Index& quantizer, const float* x, int64_t key) {
    std::vector<float> centroid(static_cast<size_t>(quantizer.d));
    quantizer.reconstruct(key, centroid.data());
    double sum = 0;
    for (size_t j = 0; j < centroid.size(); ++j) {
        const double a = x[j];
        const double b = centroid[j];
        sum += quantizer.metric_type == faiss::METRIC_L2 ? (a - b) * (a - b) : a * b;
    }
    return static_cast<float>(sum);
}

/// Centroids at all but equal distances may change places.
void expect_same_as_faiss(
        const CoarseSearch& search, const faiss::Index& quantizer,
        const std::vector<float>& queries) {
    for (const size_t nprobe : {1, 5, 33, 400})
        for (const int64_t n : {int64_t{1}, int64_t{9}, kQueries}) {
            const size_t size = static_cast<size_t>(n) * nprobe;
            std::vector<float> found(size), expected(size);
            std::vector<int64_t> keys(size), expected_keys(size);
            search.search(quantizer, n, queries.data(), nprobe, nullptr, found.data(), keys.data());
            quantizer.search(
                    n, queries.data(), static_cast<int64_t>(nprobe), expected.data(),
                    expected_keys.data());
            EXPECT_THAT(found, testing::Pointwise(testing::FloatNear(1e-3f), expected));
            for (size_t i = 0; i < size; ++i) {
                if (keys[i] == expected_keys[i]) continue;
                const float* x = queries.data() + i / nprobe * static_cast<size_t>(quantizer.d);
                EXPECT_NEAR(distance(quantizer, x, keys[i]), expected[i], 1e-3) << i;
            }
        }
}

class CoarseSearchOf : public testing::TestWithParam<std::tuple<faiss::MetricType, size_t>> {
protected:
    const faiss::MetricType metric = std::get<0>(GetParam());
    const size_t d = std::get<1>(GetParam());
    faiss::IndexFlat quantizer{static_cast<int64_t>(d), metric};
};

INSTANTIATE_TEST_SUITE_P(
        MetricsAndDimensions, CoarseSearchOf,
        testing::Combine(
                testing::Values(faiss::METRIC_L2, faiss::METRIC_INNER_PRODUCT),
                testing::Values(size_t{24}, size_t{200})));

TEST_P(CoarseSearchOf, FindsWhatTheQuantizerFinds) {
    quantizer.add(kCentroids, gaussian_vectors(kCentroids, d, 1, 1.0).data());
    expect_same_as_faiss(CoarseSearch(quantizer), quantizer, gaussian_vectors(kQueries, d, 2, 1.0));
}

TEST_P(CoarseSearchOf, FindsItWhereNoDirectionStandsOut) {
    quantizer.add(kCentroids, normal_numbers(kCentroids, d, 1).data());
    expect_same_as_faiss(CoarseSearch(quantizer), quantizer, normal_numbers(kQueries, d, 2));
}

TEST_P(CoarseSearchOf, FindsItForQueriesThatAreLikeNoCentroid) {
    quantizer.add(kCentroids, gaussian_vectors(kCentroids, d, 1, 1.0).data());
    expect_same_as_faiss(CoarseSearch(quantizer), quantizer, normal_numbers(kQueries, d, 2));
}

TEST_P(CoarseSearchOf, LeavesAQuantizerThatHasGrownOrIsAnotherToItself) {
    quantizer.add(kCentroids, gaussian_vectors(kCentroids, d, 1, 1.0).data());
    const std::vector<float> queries = gaussian_vectors(kQueries, d, 2, 1.0);
    const CoarseSearch search(quantizer);
    expect_same_as_faiss(search, quantizer, queries);
    quantizer.add(kCentroids, gaussian_vectors(kCentroids, d, 3, 1.0).data());
    EXPECT_FALSE(search.is_of(quantizer));
    expect_same_as_faiss(search, quantizer, queries);
    faiss::IndexFlat other(static_cast<int64_t>(d), metric);
    other.add(kCentroids, gaussian_vectors(kCentroids, d, 4, 1.0).data());
    EXPECT_FALSE(search.is_of(other));
    expect_same_as_faiss(search, other, queries);
}

TEST_P(CoarseSearchOf, LeavesOtherQuantizersToThemselves) {
    faiss::IndexHNSWFlat graph(static_cast<int>(d), 8, metric);
    graph.add(kCentroids, gaussian_vectors(kCentroids, d, 1, 1.0).data());
    expect_same_as_faiss(CoarseSearch(graph), graph, gaussian_vectors(kQueries, d, 2, 1.0));
}

} // namespace coarse_search_test
