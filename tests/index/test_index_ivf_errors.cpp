#include "ivf_fixture.h"

#include <faiss/IndexFlat.h>
#include <faiss/IndexIVFPQ.h>
#include <faiss/impl/AuxIndexStructures.h>
#include <faiss/impl/FaissException.h>
#include <gmock/gmock.h>

#include <limits>

namespace index_ivf_errors_test {

using namespace bqq::test;
using bqq::idx_t;
using bqq::IndexIVFBQQ;
using bqq::IVFSearchParametersBQQ;
using faiss::FaissException;
using testing::HasSubstr;
using testing::ThrowsMessage;

class IVFErrors : public IVF {};
INSTANTIATE_TEST_SUITE_P(Kinds, IVFErrors, ivf_kinds(), ivf_kind_name);

TEST_P(IVFErrors, BadParametersAreNamed) {
    IVFSearchParametersBQQ params;
    params.nprobe = 0;
    EXPECT_THAT(
            [&] { search(index, queries(), kK, &params); },
            ThrowsMessage<FaissException>(HasSubstr("nprobe = 0")));
    params.nprobe = 1;
    params.query_bits = 13;
    EXPECT_THAT(
            [&] { search(index, queries(), kK, &params); },
            ThrowsMessage<FaissException>(HasSubstr("query_bits = 13")));
    params.query_bits = 8;
    params.margin = -1;
    EXPECT_THAT(
            [&] { search(index, queries(), kK, &params); },
            ThrowsMessage<FaissException>(HasSubstr("margin = -1")));
    const faiss::SearchParameters plain;
    EXPECT_THAT(
            [&] { search(index, queries(), kK, &plain); },
            ThrowsMessage<FaissException>(HasSubstr("SearchParameters")));
    const bqq::SearchParametersBQQ flat;
    EXPECT_THROW(search(index, queries(), kK, &flat), FaissException);
    const faiss::IVFPQSearchParameters foreign;
    EXPECT_THROW(search(index, queries(), kK, &foreign), FaissException);
    index.parallel_mode = 4;
    EXPECT_THAT(
            [&] { search(index, queries(), kK); },
            ThrowsMessage<FaissException>(HasSubstr("parallel_mode 4")));
}

TEST_P(IVFErrors, CoarseQuantizersThatDoNotFitAreRefused) {
    faiss::IndexFlat narrow(kDimension - 1, metric());
    EXPECT_THAT(
            [&] { IndexIVFBQQ(&narrow, kDimension, kLists, kBits, metric()); },
            ThrowsMessage<FaissException>(HasSubstr("dimension 15")));
    EXPECT_THROW(IndexIVFBQQ(nullptr, kDimension, kLists, kBits, metric()), FaissException);
    faiss::IndexFlat empty(kDimension, metric());
    faiss::Index* trained = index.quantizer;
    index.quantizer = &empty;
    EXPECT_THAT(
            [&] { search(index, queries(), kK); },
            ThrowsMessage<FaissException>(HasSubstr("0 centroids")));
    EXPECT_THROW(index.add(1, vectors().data()), FaissException);
    index.quantizer = trained;
    EXPECT_NO_THROW(search(index, queries(), kK));
}

TEST_P(IVFErrors, ListsOfAForeignCodeSizeAreRefused) {
    faiss::ArrayInvertedLists wide(kLists, index.code_size + 1);
    EXPECT_THROW(index.replace_invlists(&wide), FaissException);
    faiss::InvertedLists* own = index.invlists;
    index.invlists = &wide;
    EXPECT_THAT(
            [&] { search(index, queries(), kK); },
            ThrowsMessage<FaissException>(HasSubstr("code size")));
    EXPECT_THROW(index.add(1, vectors().data()), FaissException);
    index.invlists = own;
}

TEST_P(IVFErrors, ANaNIsRefusedAndNothingIsAdded) {
    std::vector<float> x(vectors().begin(), vectors().begin() + 3 * kDimension);
    x[2 * kDimension + 5] = std::nanf("");
    EXPECT_THAT(
            [&] { index.add(3, x.data()); },
            ThrowsMessage<FaissException>(HasSubstr("row 2, column 5")));
    EXPECT_EQ(index.ntotal, kVectors);
    EXPECT_EQ(index.invlists->compute_ntotal(), static_cast<size_t>(kVectors));
    EXPECT_THROW(search(index, x, kK), FaissException);
}

TEST_P(IVFErrors, MergingWhatWasTrainedDifferentlyIsRefused) {
    auto other = make(GetParam().factory, metric());
    as_ivf(*other).training.seed = 5;
    other->reset();
    other->train(kVectors, vectors().data());
    other->add(10, vectors().data());
    EXPECT_THAT(
            [&] { index.merge_from(*other, 0); },
            ThrowsMessage<FaissException>(HasSubstr("trained differently")));
    EXPECT_EQ(other->ntotal, 10);
    EXPECT_EQ(index.ntotal, kVectors);
}

/// What a graph over codes measures between two stored vectors is what it measures from the first,
/// decoded, to the second.

} // namespace index_ivf_errors_test
