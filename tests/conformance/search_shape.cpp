// What a search writes where.
#include "conformance.h"

namespace {

using namespace bqq::test;
using bqq::idx_t;
using testing::Each;

BQQ_CONFORMANCE_SUITE(SearchShape, all_kinds());
BQQ_CONFORMANCE_SUITE(WorstDistance, kinds_with({Feature::worst_distance}));
BQQ_CONFORMANCE_SUITE(LargerK, kinds_with({Feature::prefix_of_larger_k}));

TEST_P(SearchShape, FillsNTimesKResultsAndNothingBeyond) {
    const auto index = filled();
    for (const idx_t n : {idx_t{1}, kQueries})
        for (const idx_t k : {1, 7, 40}) {
            const auto size = static_cast<size_t>(n * k);
            constexpr size_t kGuard = 64;
            std::vector<float> distances(size + kGuard, -12345);
            std::vector<idx_t> labels(size + kGuard, -12345);
            index->search(n, queries().data(), k, distances.data(), labels.data());
            EXPECT_EQ(std::count(labels.begin(), labels.end(), -12345), kGuard);
            EXPECT_EQ(std::count(distances.begin(), distances.end(), -12345.0f), kGuard);
            EXPECT_EQ(labels[size], -12345);
            EXPECT_EQ(distances[size], -12345);
        }
}

TEST_P(SearchShape, NoQueriesAreNoError) {
    const auto index = filled();
    float distance = 5;
    idx_t label = 5;
    EXPECT_NO_THROW(index->search(0, queries().data(), 1, &distance, &label));
    EXPECT_EQ(distance, 5);
    EXPECT_EQ(label, 5);
}

TEST_P(SearchShape, AnEmptyIndexFindsNothing) {
    const auto index = trained();
    EXPECT_EQ(index->ntotal, 0);
    EXPECT_THAT(search(*index, queries(), 3).labels, Each(-1));
}

TEST_P(SearchShape, PlacesBeyondWhatIsStoredAreMinusOneAndLast) {
    const auto index = filled(0, 5);
    const Results results = search(*index, queries(), 9);
    for (idx_t q = 0; q < kQueries; ++q) {
        EXPECT_EQ(sorted(found_by(results, q, 9)), ids_of(*index, 0, 5));
        for (idx_t i = 5; i < 9; ++i) EXPECT_EQ(results.labels[static_cast<size_t>(q * 9 + i)], -1);
    }
    const Results five = search(*index, queries(), 5);
    EXPECT_TRUE(same_results(first_of(results, 9, 5), five, 5));
}

TEST_P(SearchShape, AnExhaustiveSearchFindsAllThatIsStored) {
    const auto index = filled();
    const Results results = search(*index, rows(queries(), 0, 3), kVectors);
    for (idx_t q = 0; q < 3; ++q)
        EXPECT_EQ(sorted(found_by(results, q, kVectors)), ids_of(*index, 0, kVectors));
}

TEST_P(SearchShape, AQueryAloneGetsWhatItGetsInABatch) {
    const auto index = filled();
    Results alone;
    for (idx_t q = 0; q < kQueries; ++q) {
        const Results one = search(*index, rows(queries(), q, q + 1), kK);
        alone.distances.insert(alone.distances.end(), one.distances.begin(), one.distances.end());
        alone.labels.insert(alone.labels.end(), one.labels.begin(), one.labels.end());
    }
    EXPECT_TRUE(same_results(alone, expected(), kK));
}

TEST_P(SearchShape, AssignReturnsTheLabelsOfSearch) {
    const auto index = filled();
    Results assigned = expected();
    index->assign(kQueries, queries().data(), assigned.labels.data(), kK);
    EXPECT_TRUE(same_results(assigned, expected(), kK));
}

TEST_P(SearchShape, SearchingTwiceGivesTheSame) {
    const auto index = filled();
    const Results first = search(*index, queries(), kK);
    EXPECT_EQ(search(*index, queries(), kK), first);
}

TEST_P(WorstDistance, StandsWhereNothingWasFound) {
    const float worst = metric() == faiss::METRIC_L2 ? std::numeric_limits<float>::max()
                                                     : std::numeric_limits<float>::lowest();
    EXPECT_THAT(search(*trained(), queries(), 3).distances, Each(worst));
    const Results results = search(*filled(0, 5), queries(), 9);
    for (size_t i = 0; i < results.distances.size(); ++i)
        EXPECT_EQ(results.distances[i] == worst, i % 9 >= 5) << "place " << i;
}

TEST_P(LargerK, BeginsWithTheResultsOfASmallerK) {
    const auto index = filled();
    for (const idx_t larger : {idx_t{30}, kVectors})
        EXPECT_TRUE(same_results(
                first_of(search(*index, queries(), larger), larger, kK), expected(), kK));
}

} // namespace
