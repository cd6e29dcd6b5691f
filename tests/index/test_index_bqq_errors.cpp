#include "index_bqq_fixture.h"

#include <faiss/IndexIVF.h>
#include <faiss/impl/AuxIndexStructures.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

namespace index_bqq_errors_test {

using bqq::idx_t;
using bqq::IndexBQQ;
using bqq::SearchParametersBQQ;
using namespace bqq::test;
using namespace bqq::test::flat;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

TEST(IndexBQQErrors, ParametersOutOfRangeAreNamed) {
    const IndexBQQ index = filled_index();
    for (const int bits : {-3, 0, 1, 13}) {
        SearchParametersBQQ parameters;
        parameters.query_bits = bits;
        expect_error(
                [&] { search(index, queries(), 1, &parameters); },
                "query_bits = " + std::to_string(bits));
    }
    SearchParametersBQQ parameters;
    parameters.margin = -0.5f;
    expect_error([&] { search(index, queries(), 1, &parameters); }, "margin = -0.5");
    parameters.margin = kNaN;
    expect_error([&] { search(index, queries(), 1, &parameters); }, "margin = ", "nan");
    faiss::RangeSearchResult result(40);
    expect_error(
            [&] { index.range_search(40, queries().data(), 1, &result, &parameters); }, "margin");
}

TEST(IndexBQQErrors, ParametersOfAnotherClassAreRefused) {
    const IndexBQQ index = filled_index();
    const faiss::SearchParametersIVF parameters;
    expect_error([&] { search(index, queries(), 1, &parameters); }, "SearchParametersBQQ");
    faiss::RangeSearchResult result(40);
    expect_error(
            [&] { index.range_search(40, queries().data(), 1, &result, &parameters); },
            "SearchParametersBQQ");
}

TEST(IndexBQQErrors, RefusesSizesThatNoIndexHas) {
    expect_error([] { IndexBQQ(0, 8); }, "d = 0");
    expect_error([] { IndexBQQ(-4, 8); }, "d = -4");
    expect_error([] { IndexBQQ(4, 0); }, "0 bits");
    expect_error([] { IndexBQQ(4, 99999); }, "99999");
    expect_error([] { IndexBQQ(4, 8, faiss::METRIC_L2, 17); }, "17");
    expect_error([] { IndexBQQ(4, 8, faiss::METRIC_L1); }, "metric");
}

TEST(IndexBQQErrors, NeedsTraining) {
    IndexBQQ index(kDimension, kAtoms);
    const Unchanged check(index);
    std::vector<uint8_t> code(index.sa_code_size());
    std::vector<float> x(kDimension);
    faiss::RangeSearchResult result(1);
    expect_error([&] { index.add(1, x.data()); }, "add()", "before train()");
    expect_error([&] { search(index, queries(), 1); }, "search()", "before train()");
    expect_error([&] { index.range_search(1, x.data(), 1, &result); }, "before train()");
    expect_error([&] { index.sa_encode(1, x.data(), code.data()); }, "before train()");
    expect_error([&] { index.sa_decode(1, code.data(), x.data()); }, "before train()");
    expect_error([&] { index.add_sa_codes(1, code.data(), nullptr); }, "before train()");
    expect_error([&] { index.reconstruct(0, x.data()); }, "ntotal = 0");
}

TEST(IndexBQQErrors, BadCountsAreNamed) {
    IndexBQQ index = filled_index();
    const Unchanged check(index);
    const float* x = queries().data();
    std::vector<float> distances(40);
    std::vector<idx_t> labels(40);
    faiss::RangeSearchResult result(1);
    for (const idx_t k : {0, -3})
        expect_error(
                [&] { index.search(2, x, k, distances.data(), labels.data()); },
                "k = " + std::to_string(k));
    expect_error([&] { index.search(-2, x, 1, distances.data(), labels.data()); }, "n = -2");
    expect_error([&] { index.add(-5, x); }, "n = -5");
    expect_error([&] { index.range_search(-1, x, 1, &result); }, "n = -1");
    expect_error([&] { index.sa_encode(-1, x, nullptr); }, "n = -1");
    expect_error([&] { index.sa_decode(-1, nullptr, distances.data()); }, "n = -1");
    expect_error([&] { index.reconstruct(kVectors, distances.data()); }, "600");
    expect_error([&] { index.reconstruct(-1, distances.data()); }, "-1");
    expect_error([&] { index.reconstruct_n(599, 2, distances.data()); }, "600");
    expect_error([&] { index.reconstruct_n(0, -1, distances.data()); }, "ntotal");
    constexpr idx_t largest = std::numeric_limits<idx_t>::max();
    expect_error([&] { index.reconstruct_n(largest, 2, distances.data()); }, "ntotal");
    IndexBQQ untrained(kDimension, kAtoms);
    expect_error([&] { untrained.train(-1, x); }, "n = -1");
    expect_error([&] { untrained.train(39, x); }, "39", "40");
    EXPECT_FALSE(untrained.is_trained);
}

TEST(IndexBQQErrors, NaNAndInfinityAreNamedWithRowAndColumn) {
    IndexBQQ index = filled_index();
    const Unchanged check(index);
    for (const float value : {kNaN, std::numeric_limits<float>::infinity()}) {
        std::vector<float> bad = queries();
        bad[31 * kDimension + 4] = value;
        faiss::RangeSearchResult result(40);
        std::vector<uint8_t> codes(40 * index.sa_code_size());
        expect_error([&] { index.add(40, bad.data()); }, "row 31", "column 4");
        expect_error([&] { search(index, bad, 1); }, "row 31", "column 4");
        expect_error([&] { index.range_search(40, bad.data(), 1, &result); }, "row 31", "column 4");
        expect_error([&] { index.sa_encode(40, bad.data(), codes.data()); }, "row 31", "column 4");
        IndexBQQ untrained(kDimension, kAtoms);
        expect_error([&] { untrained.train(40, bad.data()); }, "row 31", "column 4");
        EXPECT_FALSE(untrained.is_trained);
    }
}

TEST(IndexBQQErrors, TrainingAFilledIndexIsRefused) {
    IndexBQQ index = filled_index();
    const Unchanged check(index);
    expect_error([&] { index.train(kVectors, base().data()); }, "600", "reset()");
}

TEST(IndexBQQErrors, NoVectorsAreNoError) {
    IndexBQQ index = filled_index();
    const Unchanged check(index);
    faiss::RangeSearchResult result(0);
    EXPECT_NO_THROW(index.add(0, nullptr));
    EXPECT_NO_THROW(index.search(0, nullptr, 5, nullptr, nullptr));
    EXPECT_NO_THROW(index.range_search(0, nullptr, 5, &result));
    EXPECT_NO_THROW(index.sa_encode(0, nullptr, nullptr));
    EXPECT_NO_THROW(index.sa_decode(0, nullptr, nullptr));
}

} // namespace index_bqq_errors_test
