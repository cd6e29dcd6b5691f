// Calls that cannot be done throw, and do nothing.
#include "conformance.h"

namespace {

using namespace bqq::test;
using bqq::idx_t;
using testing::Each;

BQQ_CONFORMANCE_SUITE(Errors, all_kinds());
BQQ_CONFORMANCE_SUITE(TrainingIsChecked, kinds_with({Feature::training_is_checked}));

TEST_P(Errors, AnIndexIsEmptyAndUntrainedAtFirst) {
    const auto index = untrained();
    EXPECT_EQ(index->d, kDimension);
    EXPECT_EQ(index->ntotal, 0);
    EXPECT_FALSE(index->is_trained);
    EXPECT_EQ(index->metric_type, metric());
}

TEST_P(Errors, AddBeforeTrainingThrowsAndTheIndexCanBeTrained) {
    const auto index = untrained();
    expect_refused([&] { add_base(*index, 0, 5); });
    EXPECT_EQ(index->ntotal, 0);
    EXPECT_FALSE(index->is_trained);
    index->train(kVectors, base().data());
    EXPECT_TRUE(index->is_trained);
    make_exhaustive(index.get());
    add_base(*index, 0, kVectors);
    expect_filled(*index);
}

TEST_P(TrainingIsChecked, SearchBeforeTrainingThrows) {
    const auto index = untrained();
    expect_refused([&] { search(*index, queries(), 3); });
}

TEST_P(Errors, SearchBeforeTrainingFindsNothing) {
    if (GetParam().is_inverted_file() && !GetParam().is_ours())
        GTEST_SKIP() << "FAISS looks up the lists by labels that its coarse search left unwritten";
    const auto index = untrained();
    try {
        EXPECT_THAT(search(*index, queries(), 3).labels, Each(-1));
    } catch (const faiss::FaissException&) {
        SUCCEED() << "refused, see TrainingIsChecked";
    }
    EXPECT_EQ(index->ntotal, 0);
    EXPECT_FALSE(index->is_trained);
}

TEST_P(Errors, KOfZeroThrowsAndTheIndexWorksOn) {
    const auto index = filled();
    float distance = 0;
    idx_t label = 0;
    expect_refused([&] { index->search(1, queries().data(), 0, &distance, &label); });
    expect_filled(*index);
}

TEST_P(Errors, AnIndexWorksOnAfterAllSortsOfErrors) {
    const auto index = filled();
    float distance = 0;
    idx_t label = 0;
    std::vector<float> vector(kDimension);
    expect_refused([&] { index->search(1, queries().data(), 0, &distance, &label); });
    expect_refused([&] { index->search(1, queries().data(), -3, &distance, &label); });
    expect_filled(*index);
    index->reset();
    add_base(*index, 0, kVectors);
    expect_filled(*index);
}

} // namespace
