// The order of results, and what a distance is.
#include "conformance.h"

#include <set>

namespace {

using namespace bqq::test;
using bqq::idx_t;

BQQ_CONFORMANCE_SUITE(Order, all_kinds());
BQQ_CONFORMANCE_SUITE(
        DecodedDistance, kinds_with({Feature::decoded_distances, Feature::search_and_reconstruct}));

TEST_P(Order, ResultsAreSortedBestFirst) {
    const auto index = filled();
    for (const idx_t k : {idx_t{2}, kK, idx_t{100}, kVectors}) {
        const Results results = search(*index, queries(), k);
        for (size_t i = 1; i < results.distances.size(); ++i)
            if (i % static_cast<size_t>(k) != 0) {
                ASSERT_FALSE(is_better(metric(), results.distances[i], results.distances[i - 1]))
                        << "k = " << k << ", place " << i;
            }
    }
}

TEST_P(Order, NoLabelIsFoundTwiceAndAllAreStored) {
    const auto index = filled();
    const std::vector<idx_t> ids = ids_of(*index, 0, kVectors);
    const std::set<idx_t> stored(ids.begin(), ids.end());
    constexpr idx_t k = 200;
    const Results results = search(*index, queries(), k);
    for (idx_t q = 0; q < kQueries; ++q) {
        const std::vector<idx_t> found = found_by(results, q, k);
        EXPECT_EQ(found.size(), static_cast<size_t>(k));
        EXPECT_EQ(std::set<idx_t>(found.begin(), found.end()).size(), found.size());
        for (const idx_t label : found) EXPECT_EQ(stored.count(label), 1u) << label;
    }
}

TEST_P(Order, StoredVectorsAreAmongTheirOwnNearest) {
    if (metric() != faiss::METRIC_L2) {
        // The largest inner products are those with long vectors: compare with exact search.
        faiss::IndexFlatIP flat(kDimension);
        flat.add(kVectors, base().data());
        Results truth = search(flat, queries(), kK);
        const auto index = filled();
        for (idx_t& label : truth.labels) label = id_of(*index, label);
        EXPECT_GT(recall(expected().labels, truth.labels, kK), 0.3);
        return;
    }
    const auto index = filled();
    const Results results = search(*index, rows(base(), 0, 100), kK);
    int found = 0;
    for (idx_t i = 0; i < 100; ++i) {
        const std::vector<idx_t> labels = found_by(results, i, kK);
        found += std::count(labels.begin(), labels.end(), id_of(*index, i)) == 1 ? 1 : 0;
    }
    EXPECT_GT(found, 80);
}

TEST_P(DecodedDistance, IsThatToTheReconstructedVector) {
    const auto index = filled();
    std::vector<float> vectors(static_cast<size_t>(kQueries * kK * kDimension));
    Results results = expected();
    index->search_and_reconstruct(
            kQueries, queries().data(), kK, results.distances.data(), results.labels.data(),
            vectors.data());
    for (size_t i = 0; i < results.labels.size(); ++i) {
        const float* x = queries().data() + i / kK * kDimension;
        const float* y = vectors.data() + i * kDimension;
        double distance = 0;
        for (size_t j = 0; j < kDimension; ++j) {
            const double a = static_cast<double>(x[j]), b = static_cast<double>(y[j]);
            distance += metric() == faiss::METRIC_L2 ? (a - b) * (a - b) : a * b;
        }
        ASSERT_NEAR(results.distances[i], distance, 1e-4 * (1 + std::fabs(distance)));
    }
}

} // namespace
