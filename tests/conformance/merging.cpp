// merge_from: two halves are the whole.
#include "conformance.h"

#include <faiss/IndexFlat.h>

namespace {

using namespace bqq::test;
using bqq::idx_t;
using testing::Each;

BQQ_CONFORMANCE_SUITE(Merging, kinds_with({Feature::merge}));
BQQ_CONFORMANCE_SUITE(MergingRefused, kinds_that_refuse(Feature::merge));
BQQ_CONFORMANCE_SUITE(
        MergingEmptiesTheOther, kinds_with({Feature::merge, Feature::merge_empties_the_other}));
BQQ_CONFORMANCE_SUITE(
        MergingChecksTraining, kinds_with({Feature::merge, Feature::merge_checks_training}));

/// What merge_from adds to the ids: inverted files store them, other indexes count or were given
/// them.
idx_t add_id(const Kind& kind, const faiss::Index& index) {
    return kind.is_inverted_file() ? index.ntotal : 0;
}

TEST_P(Merging, TwoHalvesAreTheWhole) {
    const auto index = filled(0, 777);
    const auto other = filled(777, kVectors);
    index->merge_from(*other, add_id(GetParam(), *index));
    expect_filled(*index);
}

TEST_P(Merging, AHalfThatWasStoredFits) {
    const auto index = from_bytes<faiss::Index>(to_bytes(*filled(0, 777)));
    const auto other = from_bytes<faiss::Index>(to_bytes(*filled(777, kVectors)));
    index->merge_from(*other, add_id(GetParam(), *index));
    expect_filled(*from_bytes<faiss::Index>(to_bytes(*index)));
}

TEST_P(Merging, WithAnEmptyIndexIsNoError) {
    const auto index = filled();
    const auto other = trained();
    index->merge_from(*other, add_id(GetParam(), *index));
    expect_filled(*index);
    other->merge_from(*index, 0);
    expect_filled(*other);
}

TEST_P(Merging, VectorsCanBeAddedAfterwards) {
    const auto index = filled(0, 500);
    const auto other = filled(500, 1000);
    index->merge_from(*other, add_id(GetParam(), *index));
    add_base(*index, 1000, kVectors);
    expect_filled(*index);
}

TEST_P(MergingEmptiesTheOther, WhichCanBeFilledAgain) {
    const auto index = filled(0, 777);
    const auto other = filled(777, kVectors);
    index->merge_from(*other, add_id(GetParam(), *index));
    EXPECT_EQ(other->ntotal, 0);
    EXPECT_TRUE(other->is_trained);
    EXPECT_THAT(search(*other, queries(), 3).labels, Each(-1));
    add_base(*other, 0, kVectors);
    expect_filled(*other);
    expect_filled(*index);
}

TEST_P(Merging, AnIndexOfAnotherClassThrowsAndNothingIsLost) {
    const auto index = filled();
    faiss::IndexFlat flat(kDimension, metric());
    flat.add(10, base().data());
    expect_refused([&] { index->merge_from(flat); });
    expect_refused([&] { index->check_compatible_for_merge(flat); });
    EXPECT_EQ(flat.ntotal, 10);
    expect_filled(*index);
}

TEST_P(Merging, AnIndexOfAnotherDimensionThrowsAndNothingIsLost) {
    const auto index = filled();
    const std::unique_ptr<faiss::Index> other(bqq::index_factory(24, GetParam().factory, metric()));
    expect_refused([&] { index->merge_from(*other, add_id(GetParam(), *index)); });
    expect_filled(*index);
}

TEST_P(MergingChecksTraining, AnIndexThatWasTrainedDifferentlyThrowsAndNothingIsLost) {
    const auto index = filled();
    const auto other = untrained();
    const std::vector<float> x = gaussian_vectors(kVectors, kDimension, 5, 0.1);
    other->train(kVectors, x.data());
    make_exhaustive(other.get());
    add(*other, x, 0);
    const Results others = search(*other, queries(), kK);
    expect_refused([&] { index->merge_from(*other, add_id(GetParam(), *index)); });
    expect_filled(*index);
    EXPECT_EQ(other->ntotal, kVectors);
    EXPECT_TRUE(same_results(search(*other, queries(), kK), others, kK));
}

TEST_P(MergingRefused, ThrowsAndNothingIsLost) {
    const auto index = filled();
    const auto other = filled();
    expect_refused([&] { index->merge_from(*other, 0); });
    expect_filled(*index);
    expect_filled(*other);
}

} // namespace
