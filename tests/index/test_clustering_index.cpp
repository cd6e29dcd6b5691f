#include "base/omp_threads.h"
#include "index/ClusteringIndex.h"
#include "random_data.h"

#include <bqq/index/IndexIVFBQQ.h>
#include <faiss/Clustering.h>
#include <faiss/IndexFlat.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace clustering_index_test {

using bqq::ClusteringIndex;
using bqq::test::gaussian_vectors;

constexpr size_t kDimension = 16, kVectors = 12000, kCentroids = 400;

const std::vector<float>& vectors() {
    static const std::vector<float> x = gaussian_vectors(kVectors, kDimension, 1);
    return x;
}

std::vector<float> centroids_by(faiss::Index& index) {
    faiss::ClusteringParameters parameters;
    parameters.niter = 10;
    faiss::Clustering clustering(kDimension, kCentroids, parameters);
    clustering.train(kVectors, vectors().data(), index);
    return clustering.centroids;
}

double mean_squared_distance(const std::vector<float>& centroids) {
    faiss::IndexFlatL2 all(kDimension);
    all.add(kCentroids, centroids.data());
    std::vector<float> distances(kVectors);
    std::vector<int64_t> nearest(kVectors);
    all.search(kVectors, vectors().data(), 1, distances.data(), nearest.data());
    double sum = 0;
    for (const float distance : distances) sum += static_cast<double>(distance);
    return sum / kVectors;
}

TEST(ClusteringIndex, FindsAsGoodCentroidsAsComparingWithAll) {
    ClusteringIndex ours(kDimension, faiss::METRIC_L2);
    faiss::IndexFlatL2 all(kDimension);
    EXPECT_LT(
            mean_squared_distance(centroids_by(ours)),
            1.01 * mean_squared_distance(centroids_by(all)));
}

TEST(ClusteringIndex, FindsTheSameWithAnyNumberOfThreads) {
    std::vector<std::vector<float>> centroids;
    for (const int count : {1, 2, 3}) {
        const bqq::OmpThreads threads(count);
        ClusteringIndex ours(kDimension, faiss::METRIC_L2);
        centroids.push_back(centroids_by(ours));
    }
    EXPECT_EQ(centroids[0], centroids[1]);
    EXPECT_EQ(centroids[0], centroids[2]);
}

/// A round on vectors that are centroids themselves: each is its own nearest.
TEST(ClusteringIndex, TakesTheNearestInEachRound) {
    for (const faiss::MetricType metric : {faiss::METRIC_L2, faiss::METRIC_INNER_PRODUCT}) {
        std::vector<float> x = vectors();
        if (metric == faiss::METRIC_INNER_PRODUCT) {
            for (size_t i = 0; i < kVectors; ++i) {
                const std::span<float> row(x.data() + i * kDimension, kDimension);
                float squares = 0;
                for (const float value : row) squares += value * value;
                for (float& value : row) value /= std::sqrt(squares);
            }
        }
        ClusteringIndex index(kDimension, metric);
        index.add(kCentroids, x.data());
        std::vector<float> distances(kCentroids);
        std::vector<int64_t> labels(kCentroids);
        for (size_t round = 0; round < 2 * ClusteringIndex::kRounds; ++round) {
            index.search(kCentroids, x.data(), 1, distances.data(), labels.data());
            for (size_t i = 0; i < kCentroids; ++i) {
                EXPECT_EQ(labels[i], static_cast<int64_t>(i)) << "round " << round;
                EXPECT_NEAR(distances[i], metric == faiss::METRIC_L2 ? 0 : 1, 1e-4);
            }
        }
    }
}

/// Labels of the round before are of no use for other vectors.
TEST(ClusteringIndex, BeginsAnewWithAnotherNumberOfVectors) {
    ClusteringIndex index(kDimension, faiss::METRIC_L2);
    index.add(kCentroids, vectors().data());
    std::vector<float> distances(kVectors);
    std::vector<int64_t> labels(kVectors), anew(kVectors);
    index.search(kVectors, vectors().data(), 1, distances.data(), labels.data());
    index.search(100, vectors().data() + 5000, 1, distances.data(), labels.data());
    ClusteringIndex other(kDimension, faiss::METRIC_L2);
    other.add(kCentroids, vectors().data());
    other.search(100, vectors().data() + 5000, 1, distances.data(), anew.data());
    for (size_t i = 0; i < 100; ++i) EXPECT_EQ(labels[i], anew[i]);
}

/// The mean of vectors may leave the range of a float.
TEST(ClusteringIndex, TakesCentroidsThatAreInfinite) {
    std::vector<float> centroids(vectors().begin(), vectors().begin() + kCentroids * kDimension);
    for (size_t c = 0; c < kCentroids; c += 2)
        centroids[c * kDimension] = (c % 4 == 0 ? 1 : -1) * std::numeric_limits<float>::infinity();
    ClusteringIndex index(kDimension, faiss::METRIC_L2);
    index.add(kCentroids, centroids.data());
    std::vector<float> distances(kVectors);
    std::vector<int64_t> labels(kVectors);
    for (size_t round = 0; round < ClusteringIndex::kRounds; ++round) {
        index.search(kVectors, vectors().data(), 1, distances.data(), labels.data());
        for (const int64_t label : labels) {
            EXPECT_GE(label, 0);
            EXPECT_LT(label, static_cast<int64_t>(kCentroids));
        }
    }
}

/// What the user gives is used instead, and what is not given is not left behind.
TEST(ClusteringIndex, IsThatOfTheUser) {
    struct Counter : faiss::IndexFlatL2 {
        using faiss::IndexFlatL2::IndexFlatL2;
        int adds = 0;
        void add(int64_t n, const float* x) override {
            ++adds;
            faiss::IndexFlatL2::add(n, x);
        }
    } counter(kDimension);
    faiss::IndexFlatL2 quantizer(kDimension);
    bqq::IndexIVFBQQ index(&quantizer, kDimension, 300, 32);
    index.clustering_index = &counter;
    index.train(kVectors, vectors().data());
    EXPECT_GT(counter.adds, index.cp.niter - 1);
    faiss::IndexFlatL2 other_quantizer(kDimension);
    bqq::IndexIVFBQQ other(&other_quantizer, kDimension, 300, 32);
    other.train(kVectors, vectors().data());
    EXPECT_EQ(other.clustering_index, nullptr);
    EXPECT_EQ(other_quantizer.ntotal, 300);
}

} // namespace clustering_index_test
