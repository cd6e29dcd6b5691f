// range_search finds what search ranks within the radius.
#include "parameters.h"

#include <faiss/impl/AuxIndexStructures.h>
#include <faiss/impl/IDSelector.h>

namespace {

using namespace bqq::test;
using bqq::idx_t;

BQQ_CONFORMANCE_SUITE(RangeSearch, kinds_with({Feature::range_search}));
BQQ_CONFORMANCE_SUITE(RangeSearchRefused, kinds_that_refuse(Feature::range_search));
// FAISS 1.15's kinds all search by range.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(RangeSearchRefused);
BQQ_CONFORMANCE_SUITE(
        RangeSearchParameters,
        kinds_with({Feature::range_search, Feature::range_parameters_class}));
BQQ_CONFORMANCE_SUITE(
        RangeSearchSelectors, kinds_with({Feature::range_search, Feature::selectors}));

/// Every distance is within it.
float widest(faiss::MetricType metric) {
    return metric == faiss::METRIC_L2 ? 1e30f : -1e30f;
}

std::vector<idx_t> labels_of(const faiss::RangeSearchResult& result, idx_t q) {
    const auto row = static_cast<size_t>(q);
    return {result.labels + result.lims[row], result.labels + result.lims[row + 1]};
}

TEST_P(RangeSearch, FindsWhatSearchRanksWithinTheRadius) {
    const auto index = filled();
    const Results ranked = search(*index, queries(), kVectors);
    size_t missed = 0, expected_count = 0;
    for (const size_t rank : {size_t{0}, size_t{12}, size_t{400}}) {
        const float radius = ranked.distances[3 * kVectors + rank];
        faiss::RangeSearchResult result(kQueries);
        index->range_search(kQueries, queries().data(), radius, &result);
        ASSERT_EQ(result.lims[0], 0u);
        for (idx_t q = 0; q < kQueries; ++q) {
            ASSERT_LE(result.lims[q], result.lims[q + 1]);
            const std::vector<idx_t> found = sorted(labels_of(result, q));
            std::map<idx_t, float> distances;
            for (size_t i = result.lims[q]; i < result.lims[q + 1]; ++i)
                distances[result.labels[i]] = result.distances[i];
            EXPECT_EQ(distances.size(), found.size()) << "a label was found twice";
            for (auto i = static_cast<size_t>(q * kVectors);
                 i < static_cast<size_t>((q + 1) * kVectors); ++i) {
                const float distance = ranked.distances[i];
                const auto place = distances.find(ranked.labels[i]);
                if (place != distances.end()) {
                    EXPECT_TRUE(near(place->second, distance));
                }
                if (near(distance, radius)) continue;
                const bool within = is_better(metric(), distance, radius);
                if (place != distances.end()) {
                    EXPECT_TRUE(within) << "query " << q << ", label " << ranked.labels[i];
                }
                expected_count += within ? 1 : 0;
                missed += within && place == distances.end() ? 1 : 0;
            }
        }
    }
    // A BQQ scan sees what its first stage puts within three standard errors of the radius.
    EXPECT_LE(missed, GetParam().is_ours() ? expected_count / 1000 : 0) << "of " << expected_count;
}

TEST_P(RangeSearch, OfARadiusThatIsTooSmallFindsNothing) {
    const auto index = filled();
    faiss::RangeSearchResult result(kQueries);
    index->range_search(kQueries, queries().data(), -widest(metric()), &result);
    EXPECT_EQ(
            std::vector<size_t>(result.lims, result.lims + kQueries + 1),
            std::vector<size_t>(kQueries + 1, 0));
}

TEST_P(RangeSearch, OfAWideRadiusFindsAll) {
    const auto index = filled();
    faiss::RangeSearchResult result(kQueries);
    index->range_search(kQueries, queries().data(), widest(metric()), &result);
    for (idx_t q = 0; q < kQueries; ++q)
        EXPECT_EQ(sorted(labels_of(result, q)), ids_of(*index, 0, kVectors));
}

TEST_P(RangeSearch, OfAnEmptyIndexFindsNothing) {
    const auto index = trained();
    faiss::RangeSearchResult result(kQueries);
    index->range_search(kQueries, queries().data(), widest(metric()), &result);
    EXPECT_EQ(result.lims[kQueries], 0u);
}

TEST_P(RangeSearch, NoQueriesAreNoError) {
    const auto index = filled();
    faiss::RangeSearchResult result(0);
    EXPECT_NO_THROW(index->range_search(0, queries().data(), widest(metric()), &result));
    EXPECT_EQ(result.lims[0], 0u);
}

TEST_P(RangeSearchParameters, OfAnotherClassAreRefused) {
    struct Foreign : faiss::SearchParameters {};
    const Foreign foreign;
    const auto index = filled();
    faiss::RangeSearchResult result(1);
    expect_refused([&] { index->range_search(1, queries().data(), 1, &result, &foreign); });
    expect_filled(*index);
}

TEST_P(RangeSearchSelectors, MembersAloneAreFound) {
    const auto index = filled();
    faiss::IDSelectorRange range(id_of(*index, 100), id_of(*index, 140));
    const auto parameters = selecting(GetParam(), &range);
    faiss::RangeSearchResult result(kQueries);
    index->range_search(kQueries, queries().data(), widest(metric()), &result, parameters.get());
    for (idx_t q = 0; q < kQueries; ++q)
        EXPECT_EQ(sorted(labels_of(result, q)), ids_of(*index, 100, 140));
}

TEST_P(RangeSearchRefused, ThrowsAndLeavesTheIndexAsItWas) {
    const auto index = filled();
    faiss::RangeSearchResult result(1);
    expect_refused([&] { index->range_search(1, queries().data(), 1, &result); });
    expect_filled(*index);
}

} // namespace
