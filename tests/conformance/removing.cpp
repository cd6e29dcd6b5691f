// remove_ids: what is gone, and what the rest is called.
#include "conformance.h"

#include <faiss/impl/IDSelector.h>

#include <numeric>

namespace {

using namespace bqq::test;
using bqq::idx_t;
using testing::Each;

BQQ_CONFORMANCE_SUITE(Removing, kinds_with({Feature::remove_ids}));
BQQ_CONFORMANCE_SUITE(RemovingRefused, kinds_that_refuse(Feature::remove_ids));

bool keeps_ids(const Kind& kind) {
    return kind.is_inverted_file() || kind.has("IDMap");
}

std::vector<idx_t> all_positions() {
    std::vector<idx_t> positions(kVectors);
    std::iota(positions.begin(), positions.end(), idx_t{0});
    return positions;
}

/// The index holds what is left of base(), under the ids it was stored with or, in a flat index,
/// moved up.
void expect_holds(
        const Kind& kind, const faiss::Index& index, const std::vector<idx_t>& positions) {
    const auto left = static_cast<idx_t>(positions.size());
    ASSERT_EQ(index.ntotal, left);
    const auto rest = from_bytes<faiss::Index>(trained_bytes(kind));
    std::vector<float> x;
    for (const idx_t i : positions) {
        const std::vector<float> row = rows(base(), i, i + 1);
        x.insert(x.end(), row.begin(), row.end());
    }
    add(*rest, x, 0);
    Results wanted = search(*rest, queries(), left);
    const std::vector<idx_t> ids = ids_of(*rest, 0, left);
    if (keeps_ids(kind))
        for (idx_t& label : wanted.labels) {
            const auto place = std::lower_bound(ids.begin(), ids.end(), label) - ids.begin();
            label = id_of(index, positions[static_cast<size_t>(place)]);
        }
    EXPECT_TRUE(same_results(kind.tolerance(), search(index, queries(), left), wanted, left));
}

TEST_P(Removing, RemovedVectorsAreGoneAndOthersFound) {
    const auto index = filled();
    std::vector<idx_t> left = all_positions();

    const faiss::IDSelectorRange range(id_of(*index, 100), id_of(*index, 200));
    EXPECT_EQ(index->remove_ids(range), 100u);
    left.erase(left.begin() + 100, left.begin() + 200);
    expect_holds(GetParam(), *index, left);

    // In a flat index, what comes after has moved up.
    const bool keeps = keeps_ids(GetParam());
    const std::vector<idx_t> gone{id_of(*index, 0), id_of(*index, keeps ? 700 : 600), 1 << 30};
    EXPECT_EQ(index->remove_ids(faiss::IDSelectorBatch(gone.size(), gone.data())), 2u);
    left.erase(left.begin() + 600);
    left.erase(left.begin());
    expect_holds(GetParam(), *index, left);
}

TEST_P(Removing, WhatIsNotStoredChangesNothing) {
    const auto index = filled();
    EXPECT_EQ(index->remove_ids(faiss::IDSelectorRange(1 << 20, 1 << 21)), 0u);
    const std::vector<idx_t> gone{-1, 1 << 30};
    EXPECT_EQ(index->remove_ids(faiss::IDSelectorArray(gone.size(), gone.data())), 0u);
    expect_filled(*index);
}

TEST_P(Removing, TheLastVectorsCanGo) {
    const auto index = filled();
    EXPECT_EQ(
            index->remove_ids(faiss::IDSelectorRange(id_of(*index, 1000), id_of(*index, kVectors))),
            500u);
    std::vector<idx_t> left = all_positions();
    left.resize(1000);
    expect_holds(GetParam(), *index, left);
}

TEST_P(Removing, AllOfThemLeaveAnEmptyIndexThatCanBeFilledAgain) {
    const auto index = filled();
    EXPECT_EQ(index->remove_ids(faiss::IDSelectorRange(0, 1 << 20)), size_t{kVectors});
    EXPECT_EQ(index->ntotal, 0);
    EXPECT_THAT(search(*index, queries(), 3).labels, Each(-1));
    add_base(*index, 0, kVectors);
    expect_filled(*index);
}

TEST_P(Removing, FromAnEmptyIndexRemovesNothing) {
    const auto index = trained();
    EXPECT_EQ(index->remove_ids(faiss::IDSelectorRange(0, 1 << 20)), 0u);
    EXPECT_EQ(index->ntotal, 0);
}

TEST_P(RemovingRefused, ThrowsAndLeavesTheIndexAsItWas) {
    const auto index = filled();
    expect_refused([&] { index->remove_ids(faiss::IDSelectorRange(0, 10)); });
    expect_filled(*index);
}

} // namespace
