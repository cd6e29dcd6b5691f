#include <bqq/index/IndexHNSWBQQ.h>

#include "base/omp_threads.h"
#include "random_data.h"
#include "search_results.h"

#include <bqq/index/index_factory.h>
#include <bqq/index/index_io.h>
#include <faiss/impl/FaissException.h>
#include <faiss/impl/io.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <memory>
#include <vector>

namespace index_hnsw_bqq_test {

using bqq::idx_t;
using bqq::IndexHNSWBQQ;
using bqq::OmpThreads;
using bqq::test::gaussian_vectors;
using bqq::test::search;

constexpr int kDimension = 16;
constexpr idx_t kVectors = 2000;

const std::vector<float>& vectors() {
    static const std::vector<float> x = gaussian_vectors(kVectors, kDimension, 1);
    return x;
}

class IndexHNSWBQQTest : public testing::TestWithParam<faiss::MetricType> {
protected:
    const OmpThreads one_thread{1}; // the same graph each time
    const std::unique_ptr<faiss::Index> index =
            bqq::index_factory(kDimension, "HNSW16,BQQ64", GetParam());
    IndexHNSWBQQ& graph = dynamic_cast<IndexHNSWBQQ&>(*index);

    void SetUp() override { index->train(kVectors, vectors().data()); }
    void add(idx_t begin, idx_t end) {
        index->add(end - begin, vectors().data() + begin * kDimension);
    }

    /// Part of what a search of all codes finds that a search of the graph finds too.
    double agreement() const {
        const std::vector<float> queries = gaussian_vectors(100, kDimension, 2);
        const auto walked = search(graph, queries, 10);
        const auto scanned = search(*graph.storage, queries, 10);
        size_t same = 0;
        for (size_t q = 0; q < 100; ++q)
            for (size_t i = 0; i < 10; ++i)
                for (size_t j = 0; j < 10; ++j)
                    same += walked.labels[q * 10 + i] == scanned.labels[q * 10 + j];
        return static_cast<double>(same) / 1000;
    }
};
INSTANTIATE_TEST_SUITE_P(
        Metrics, IndexHNSWBQQTest, testing::Values(faiss::METRIC_L2, faiss::METRIC_INNER_PRODUCT),
        [](const auto& metric) {
            return metric.param == faiss::METRIC_L2 ? "L2" : "InnerProduct";
        });

TEST_P(IndexHNSWBQQTest, FindsWhatAllCodesWould) {
    add(0, kVectors);
    graph.hnsw.efSearch = 200;
    EXPECT_GT(agreement(), GetParam() == faiss::METRIC_L2 ? 0.99 : 0.9);
}

TEST_P(IndexHNSWBQQTest, GrowsByManyAndByFew) {
    add(0, 1200);
    add(1200, 1900);
    for (idx_t i = 1900; i < kVectors; i += 20) add(i, i + 20); // few beside the others
    EXPECT_EQ(index->ntotal, kVectors);
    EXPECT_EQ(graph.storage->ntotal, kVectors);
    EXPECT_EQ(graph.hnsw.levels.size(), static_cast<size_t>(kVectors));
    graph.hnsw.efSearch = 200;
    EXPECT_GT(agreement(), GetParam() == faiss::METRIC_L2 ? 0.99 : 0.9);
}

// Each vector is linked to near neighbours among the floats, not only among the codes.
TEST_P(IndexHNSWBQQTest, LinksVectorsByTheirFloats) {
    if (GetParam() == faiss::METRIC_INNER_PRODUCT) return;
    add(0, kVectors);
    const auto distance = [&](idx_t i, idx_t j) {
        double sum = 0;
        for (idx_t k = 0; k < kDimension; ++k) {
            const auto at = [&](idx_t row) {
                return static_cast<double>(vectors()[static_cast<size_t>(row * kDimension + k)]);
            };
            sum += (at(i) - at(j)) * (at(i) - at(j));
        }
        return sum;
    };
    size_t linked = 0;
    for (idx_t i = 0; i < kVectors; i += 10) {
        idx_t nearest = -1;
        double least = std::numeric_limits<double>::infinity();
        for (idx_t j = 0; j < kVectors; ++j)
            if (j != i && distance(i, j) < least) {
                least = distance(i, j);
                nearest = j;
            }
        size_t begin = 0, end = 0;
        graph.hnsw.neighbor_range(i, 0, &begin, &end);
        for (size_t k = begin; k < end; ++k) linked += graph.hnsw.neighbors[k] == nearest;
    }
    EXPECT_GE(linked, 196u) << "of 200";
}

TEST_P(IndexHNSWBQQTest, AFailedAddChangesNothing) {
    add(0, 500);
    std::vector<float> bad(vectors().begin(), vectors().begin() + 100 * kDimension);
    bad[777] = NAN;
    const auto before = graph.hnsw.neighbors;
    EXPECT_THROW(index->add(100, bad.data()), faiss::FaissException);
    EXPECT_EQ(index->ntotal, 500);
    EXPECT_EQ(graph.storage->ntotal, 500);
    EXPECT_EQ(graph.hnsw.neighbors, before);
}

TEST_P(IndexHNSWBQQTest, IsReadAndClonedAsOne) {
    add(0, 500);
    faiss::VectorIOWriter writer;
    bqq::write_index(index.get(), &writer);
    faiss::VectorIOReader reader;
    reader.data = writer.data;
    for (const auto& again : {bqq::read_index(&reader), bqq::clone_index(index.get())}) {
        ASSERT_NE(dynamic_cast<IndexHNSWBQQ*>(again.get()), nullptr);
        again->add(100, vectors().data() + 500 * kDimension);
        EXPECT_EQ(again->ntotal, 600);
    }
    EXPECT_EQ(index->ntotal, 500);
}

} // namespace index_hnsw_bqq_test
