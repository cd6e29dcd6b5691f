// Labels of vectors that were added with and without ids.
#include "conformance.h"

#include <map>

namespace {

using namespace bqq::test;
using bqq::idx_t;

BQQ_CONFORMANCE_SUITE(Adding, all_kinds());
BQQ_CONFORMANCE_SUITE(AddingNothing, kinds_with({Feature::add_nothing}));
BQQ_CONFORMANCE_SUITE(AddingWithoutIds, kinds_with({Feature::add}));
BQQ_CONFORMANCE_SUITE(AddingWithoutIdsRefused, kinds_that_refuse(Feature::add));
BQQ_CONFORMANCE_SUITE(AddingWithIds, kinds_with({Feature::add_with_ids}));
BQQ_CONFORMANCE_SUITE(AddingWithIdsRefused, kinds_that_refuse(Feature::add_with_ids));

/// The distance of each label to the first query.
std::map<idx_t, float> distances_by_label(const faiss::Index& index) {
    const Results results = search(index, rows(queries(), 0, 1), index.ntotal);
    std::map<idx_t, float> distances;
    for (size_t i = 0; i < results.labels.size(); ++i)
        distances[results.labels[i]] = results.distances[i];
    return distances;
}

TEST_P(Adding, ManyCallsEqualOne) {
    const auto index = trained();
    idx_t begin = 0;
    for (idx_t n = 1; begin < kVectors; begin += n, n = std::min(n + 37, kVectors - begin))
        add_base(*index, begin, begin + n);
    expect_filled(*index);
}

TEST_P(AddingNothing, IsNoError) {
    const auto index = filled();
    EXPECT_NO_THROW(add(*index, {}, kVectors));
    expect_filled(*index);
    const auto empty = trained();
    EXPECT_NO_THROW(add(*empty, {}, 0));
    EXPECT_EQ(empty->ntotal, 0);
}

TEST_P(Adding, NtotalCountsTheVectors) {
    const auto index = trained();
    EXPECT_EQ(index->ntotal, 0);
    add_base(*index, 0, 1);
    EXPECT_EQ(index->ntotal, 1);
    add_base(*index, 1, 400);
    EXPECT_EQ(index->ntotal, 400);
}

TEST_P(AddingWithoutIds, LabelsAreThePositionsInTheOrderOfAdding) {
    const auto all = distances_by_label(*filled(0, 60));
    ASSERT_EQ(all.size(), 60u);
    size_t unreached = 0;
    for (idx_t i = 0; i < 60; ++i) {
        const auto one = distances_by_label(*filled(i, i + 1));
        ASSERT_EQ(one.size(), 1u);
        EXPECT_EQ(one.begin()->first, 0);
        if (GetParam().is_graph() && all.count(i) == 0) {
            ++unreached;
            continue;
        }
        ASSERT_EQ(all.count(i), 1u);
        EXPECT_TRUE(near(all.at(i), one.begin()->second)) << "label " << i;
    }
    // A graph may have no way to a vector that is no other's neighbour: of 10,000 of Fashion-MNIST,
    // FAISS's HNSW16,Flat leaves 14 out, HNSW16,SQ8 11, HNSW16,BQQ256 21.
    EXPECT_LE(unreached, 1u);
}

TEST_P(AddingWithoutIdsRefused, ThrowsAndLeavesTheIndexAsItWas) {
    const auto index = filled();
    expect_refused([&] { index->add(3, base().data()); });
    expect_filled(*index);
}

TEST_P(AddingWithIds, GivenIdsComeBack) {
    const auto index = trained();
    std::vector<idx_t> ids;
    for (idx_t i = 0; i < kVectors; ++i) ids.push_back((idx_t{1} << 40) + 7 * (kVectors - i));
    index->add_with_ids(700, base().data(), ids.data());
    index->add_with_ids(kVectors - 700, base().data() + 700 * kDimension, ids.data() + 700);
    EXPECT_EQ(index->ntotal, kVectors);
    const auto usual = filled();
    Results wanted = expected();
    for (idx_t& label : wanted.labels)
        for (idx_t i = 0; i < kVectors; ++i)
            if (label == id_of(*usual, i)) {
                label = ids[static_cast<size_t>(i)];
                break;
            }
    EXPECT_TRUE(same_results(search(*index, queries(), kK), wanted, kK));
}

TEST_P(AddingWithIdsRefused, ThrowsAndLeavesTheIndexAsItWas) {
    const auto index = filled();
    const std::vector<idx_t> ids{5, 6, 7};
    expect_refused([&] { index->add_with_ids(3, base().data(), ids.data()); });
    expect_filled(*index);
}

} // namespace
