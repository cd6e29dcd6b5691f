// Searches among the members of a selector.
#include "parameters.h"

#include <faiss/impl/IDSelector.h>

namespace {

using namespace bqq::test;
using bqq::idx_t;

BQQ_CONFORMANCE_SUITE(Selectors, kinds_with({Feature::selectors}));
BQQ_CONFORMANCE_SUITE(SelectorsRefused, kinds_that_refuse(Feature::selectors));

/// The selector has these members among the ids: all of them are found, and nothing else.
void expect_members(const Kind& kind, const faiss::Index& index, faiss::IDSelector* selector) {
    std::vector<idx_t> members;
    for (const idx_t id : ids_of(index, 0, kVectors))
        if (selector->is_member(id)) members.push_back(id);
    const auto parameters = selecting(kind, selector);
    const auto k = static_cast<idx_t>(members.size()) + 3;
    const Results results = search(index, queries(), k, parameters.get());
    for (idx_t q = 0; q < kQueries; ++q)
        EXPECT_EQ(sorted(found_by(results, q, k)), members) << "query " << q;
    // A few of them are the best among all results that are members.
    const Results all = search(index, queries(), kVectors);
    Results best;
    const idx_t few = std::min(kVectors, std::max<idx_t>(1, k / 4));
    for (idx_t q = 0; q < kQueries; ++q) {
        idx_t count = 0;
        for (idx_t i = q * kVectors; i < (q + 1) * kVectors && count < few; ++i) {
            const auto place = static_cast<size_t>(i);
            if (!selector->is_member(all.labels[place])) continue;
            best.labels.push_back(all.labels[place]);
            best.distances.push_back(all.distances[place]);
            ++count;
        }
    }
    EXPECT_TRUE(same_results(
            kind.tolerance(), search(index, queries(), few, parameters.get()), best, few));
}

TEST_P(Selectors, Range) {
    const auto index = filled();
    faiss::IDSelectorRange range(id_of(*index, 100), id_of(*index, 140));
    expect_members(GetParam(), *index, &range);
}

TEST_P(Selectors, Array) {
    const auto index = filled();
    const std::vector<idx_t> ids{id_of(*index, 1), id_of(*index, 700), id_of(*index, 7)};
    faiss::IDSelectorArray array(ids.size(), ids.data());
    expect_members(GetParam(), *index, &array);
}

TEST_P(Selectors, Batch) {
    const auto index = filled();
    const std::vector<idx_t> ids{id_of(*index, 1499), id_of(*index, 0), 1 << 30, id_of(*index, 9)};
    faiss::IDSelectorBatch batch(ids.size(), ids.data());
    expect_members(GetParam(), *index, &batch);
}

TEST_P(Selectors, Bitmap) {
    const auto index = filled();
    std::vector<uint8_t> bits(1000, 0x82);
    faiss::IDSelectorBitmap bitmap(bits.size(), bits.data());
    expect_members(GetParam(), *index, &bitmap);
}

TEST_P(Selectors, Not) {
    const auto index = filled();
    faiss::IDSelectorRange range(id_of(*index, 5), id_of(*index, 1300));
    faiss::IDSelectorNot others(&range);
    expect_members(GetParam(), *index, &others);
}

TEST_P(Selectors, All) {
    const auto index = filled();
    faiss::IDSelectorAll all;
    expect_members(GetParam(), *index, &all);
}

TEST_P(Selectors, WithoutMembersFindNothing) {
    const auto index = filled();
    faiss::IDSelectorRange range(1 << 20, 1 << 21);
    const auto parameters = selecting(GetParam(), &range);
    EXPECT_THAT(search(*index, queries(), 3, parameters.get()).labels, testing::Each(-1));
}

TEST_P(SelectorsRefused, ThrowAndLeaveTheIndexAsItWas) {
    const auto index = filled();
    faiss::IDSelectorAll all;
    const auto parameters = selecting(GetParam(), &all);
    expect_refused([&] { search(*index, queries(), 3, parameters.get()); });
    expect_filled(*index);
}

} // namespace
