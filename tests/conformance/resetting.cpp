// reset() and what an index does after it.
#include "conformance.h"

namespace {

using namespace bqq::test;
using testing::Each;

BQQ_CONFORMANCE_SUITE(Resetting, all_kinds());

TEST_P(Resetting, EmptiesAndKeepsTheTraining) {
    const auto index = filled();
    index->reset();
    EXPECT_EQ(index->ntotal, 0);
    EXPECT_TRUE(index->is_trained);
    EXPECT_THAT(search(*index, queries(), 3).labels, Each(-1));
}

TEST_P(Resetting, LabelsBeginAgain) {
    const auto index = filled(700, 1400);
    index->reset();
    add_base(*index, 0, 300);
    add_base(*index, 300, kVectors);
    expect_filled(*index);
}

TEST_P(Resetting, OfAnEmptyIndexIsNoError) {
    const auto index = trained();
    index->reset();
    index->reset();
    add_base(*index, 0, kVectors);
    expect_filled(*index);
}

} // namespace
