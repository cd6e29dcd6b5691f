#include <bqq/index/IndexBQQ.h>

#include "index_bqq_fixture.h"

#include <bqq/index/index_factory.h>
#include <bqq/index/search_parameters.h>
#include <faiss/IndexFlat.h>
#include <faiss/IndexIDMap.h>
#include <faiss/IndexPreTransform.h>
#include <faiss/VectorTransform.h>
#include <faiss/impl/AuxIndexStructures.h>
#include <faiss/impl/IDSelector.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <thread>
#include <vector>

namespace index_bqq_test {

using bqq::idx_t;
using bqq::IndexBQQ;
using bqq::SearchParametersBQQ;
using namespace bqq::test;
using namespace bqq::test::flat;
using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::Truly;

TEST(IndexBQQ, IsAnEmptyIndexBeforeTraining) {
    const IndexBQQ index(kDimension, kAtoms);
    EXPECT_EQ(index.d, kDimension);
    EXPECT_EQ(index.ntotal, 0);
    EXPECT_FALSE(index.is_trained);
    EXPECT_EQ(index.metric_type, faiss::METRIC_L2);
    EXPECT_EQ(index.sa_code_size(), kAtoms / 8 + 3);
}

TEST(IndexBQQ, FindsVectorsThatWereAdded) {
    for (const faiss::MetricType metric : {faiss::METRIC_L2, faiss::METRIC_INNER_PRODUCT}) {
        const IndexBQQ index = filled_index(metric);
        EXPECT_EQ(index.ntotal, kVectors);
        faiss::IndexFlat flat(kDimension, metric);
        flat.add(kVectors, base().data());
        const Results truth = search(flat, queries(), 10);
        const double recall =
                bqq::test::recall(search(index, queries(), 10).labels, truth.labels, 10);
        RecordProperty("recall", std::to_string(recall));
        EXPECT_GT(recall, 0.6);
    }
}

TEST(IndexBQQ, ManySmallAddsEqualOneLargeAdd) {
    const IndexBQQ large = filled_index();
    IndexBQQ small = trained_index();
    idx_t begin = 0;
    for (idx_t n = 1; begin < kVectors; begin += n, n = std::min(n + 17, kVectors - begin))
        small.add(n, base().data() + begin * kDimension);
    EXPECT_EQ(small.ntotal, kVectors);
    EXPECT_EQ(codes_of(small), codes_of(large));
    EXPECT_EQ(search(small, queries(), 10), search(large, queries(), 10));
}

TEST(IndexBQQ, AddsMoreThanOneBatch) {
    IndexBQQ index(2, 4);
    const std::vector<float> x = gaussian_vectors(20000, 2, 1);
    index.train(100, x.data());
    index.add(20000, x.data());
    std::vector<uint8_t> codes(20000 * index.sa_code_size());
    index.sa_encode(20000, x.data(), codes.data());
    EXPECT_EQ(codes_of(index), codes);
    std::vector<float> all(x.size()), tail(2 * 3);
    index.reconstruct_n(0, 20000, all.data());
    index.reconstruct_n(19997, 3, tail.data());
    EXPECT_TRUE(std::equal(tail.begin(), tail.end(), all.end() - 6));
}

TEST(IndexBQQ, ConcurrentSearchesGiveTheSame) {
    const IndexBQQ index = filled_index();
    const Results expected = search(index, queries(), 10);
    std::vector<Results> results(4);
    std::vector<std::thread> threads;
    for (Results& result : results)
        threads.emplace_back([&] {
            for (int i = 0; i < 5; ++i) result = search(index, queries(), 10);
        });
    for (std::thread& thread : threads) thread.join();
    EXPECT_THAT(results, Each(expected));
}

TEST(IndexBQQ, ReconstructsWhatItsCodesDecodeTo) {
    const IndexBQQ index = filled_index();
    std::vector<uint8_t> codes(kVectors * index.sa_code_size());
    index.sa_encode(kVectors, base().data(), codes.data());
    EXPECT_EQ(codes, codes_of(index));
    std::vector<float> decoded(base().size()), all(base().size()), one(kDimension);
    index.sa_decode(kVectors, codes.data(), decoded.data());
    index.reconstruct_n(0, kVectors, all.data());
    EXPECT_EQ(all, decoded);
    index.reconstruct(77, one.data());
    EXPECT_EQ(one, rows(decoded, 77, 78));
    index.reconstruct_n(kVectors - 1, 1, one.data());
    EXPECT_EQ(one, rows(decoded, kVectors - 1, kVectors));
    EXPECT_NO_THROW(index.reconstruct_n(5, 0, nullptr));
}

TEST(IndexBQQ, SearchAndReconstruct) {
    const IndexBQQ index = filled_index();
    const Results expected = search(index, queries(), 3);
    Results results{std::vector<float>(40 * 3), std::vector<int64_t>(40 * 3)};
    std::vector<float> vectors(40 * 3 * kDimension), one(kDimension);
    index.search_and_reconstruct(
            40, queries().data(), 3, results.distances.data(), results.labels.data(),
            vectors.data());
    EXPECT_EQ(results, expected);
    for (size_t i = 0; i < results.labels.size(); ++i) {
        index.reconstruct(results.labels[i], one.data());
        ASSERT_EQ(rows(vectors, static_cast<idx_t>(i), static_cast<idx_t>(i) + 1), one);
    }
}

TEST(IndexBQQ, AssignReturnsTheLabelsOfSearch) {
    const IndexBQQ index = filled_index();
    std::vector<idx_t> labels(40 * 2);
    index.assign(40, queries().data(), labels.data(), 2);
    EXPECT_EQ(labels, search(index, queries(), 2).labels);
}

TEST(IndexBQQ, RangeSearchReturnsWhatSearchRanks) {
    for (const faiss::MetricType metric : {faiss::METRIC_L2, faiss::METRIC_INNER_PRODUCT}) {
        const IndexBQQ index = filled_index(metric);
        const auto exact = bqq::test::exact_parameters();
        const Results ranked = search(index, queries(), kVectors, &exact);
        const float radius = ranked.distances[12];
        faiss::RangeSearchResult result(40);
        index.range_search(40, queries().data(), radius, &result, &exact);
        ASSERT_EQ(result.lims[0], 0u);
        for (size_t q = 0; q < 40; ++q) {
            std::vector<idx_t> found(
                    result.labels + result.lims[q], result.labels + result.lims[q + 1]);
            std::vector<idx_t> surely, perhaps;
            for (size_t i = q * kVectors; i < (q + 1) * kVectors; ++i) {
                const float gap = (ranked.distances[i] - radius) *
                                  (metric == faiss::METRIC_L2 ? 1.0f : -1.0f);
                const float rounding = 1e-5f * (1 + std::fabs(radius));
                if (gap < rounding) perhaps.push_back(ranked.labels[i]);
                if (gap < -rounding) surely.push_back(ranked.labels[i]);
            }
            EXPECT_THAT(surely, Each(Truly([&](idx_t label) {
                            return std::count(found.begin(), found.end(), label) == 1;
                        })));
            EXPECT_THAT(found, Each(Truly([&](idx_t label) {
                            return std::count(perhaps.begin(), perhaps.end(), label) == 1;
                        })));
        }
    }
}

TEST(IndexBQQ, RemovedVectorsAreGoneAndLaterOnesMoveUp) {
    IndexBQQ index = filled_index();
    EXPECT_EQ(index.remove_ids(faiss::IDSelectorRange(10, 110)), 100u);
    EXPECT_EQ(index.ntotal, kVectors - 100);
    IndexBQQ rest = trained_index();
    rest.add(10, base().data());
    rest.add(kVectors - 110, base().data() + 110 * kDimension);
    EXPECT_EQ(codes_of(index), codes_of(rest));
    EXPECT_EQ(search(index, queries(), 10), search(rest, queries(), 10));

    const std::vector<idx_t> ids{0, 3, 499, 9999};
    EXPECT_EQ(index.remove_ids(faiss::IDSelectorBatch(ids.size(), ids.data())), 3u);
    EXPECT_EQ(index.ntotal, kVectors - 103);
    EXPECT_EQ(index.remove_ids(faiss::IDSelectorRange(0, kVectors)), size_t{kVectors - 103});
    EXPECT_EQ(index.ntotal, 0);
    EXPECT_THAT(search(index, queries(), 2).labels, Each(-1));
}

TEST(IndexBQQ, MergeMovesTheOtherIndexsVectors) {
    const IndexBQQ all = filled_index();
    IndexBQQ index = trained_index();
    IndexBQQ other = trained_index();
    index.add(77, base().data());
    other.add(kVectors - 77, base().data() + 77 * kDimension);
    index.merge_from(other);
    EXPECT_EQ(index.ntotal, kVectors);
    EXPECT_EQ(codes_of(index), codes_of(all));
    EXPECT_EQ(other.ntotal, 0);
    EXPECT_TRUE(other.is_trained);
    EXPECT_THAT(search(other, queries(), 1).labels, Each(-1));
    index.merge_from(other);
    EXPECT_EQ(index.ntotal, kVectors);
}

TEST(IndexBQQ, MergeRefusesAnIndexThatDoesNotFit) {
    IndexBQQ index = filled_index();
    const Unchanged check(index);
    faiss::IndexFlatL2 flat(kDimension);
    expect_error([&] { index.merge_from(flat); }, "IndexFlat", "IndexBQQ");
    IndexBQQ other_bits(kDimension, 48);
    expect_error([&] { index.merge_from(other_bits); }, "40", "48");
    IndexBQQ other_metric = trained_index(faiss::METRIC_INNER_PRODUCT);
    expect_error([&] { index.merge_from(other_metric); }, "metric");
    IndexBQQ other_training(kDimension, kAtoms);
    train_and_add(other_training, gaussian_vectors(100, kDimension, 7));
    expect_error([&] { index.merge_from(other_training); }, "trained differently");
    EXPECT_EQ(other_training.ntotal, 100);
    IndexBQQ same = filled_index();
    expect_error([&] { index.merge_from(same, 5); }, "add_id = 5");
    expect_error([&] { index.merge_from(index); }, "itself");
}

TEST(IndexBQQ, AddSaCodesAppendsCodes) {
    const IndexBQQ all = filled_index();
    const std::vector<uint8_t> codes = codes_of(all);
    IndexBQQ index = trained_index();
    index.add_sa_codes(kVectors, codes.data(), nullptr);
    EXPECT_EQ(codes_of(index), codes);
    EXPECT_EQ(search(index, queries(), 10), search(all, queries(), 10));
    const Unchanged check(index);
    const idx_t id = 3;
    expect_error([&] { index.add_sa_codes(1, codes.data(), &id); }, "ids");
    expect_error([&] { index.add_sa_codes(-1, codes.data(), nullptr); }, "-1");
}

TEST(IndexBQQ, ResetKeepsTheTraining) {
    IndexBQQ index = filled_index();
    index.reset();
    EXPECT_EQ(index.ntotal, 0);
    EXPECT_TRUE(index.is_trained);
    index.add(kVectors, base().data());
    EXPECT_EQ(codes_of(index), codes_of(filled_index()));
}

TEST(IndexBQQ, CopiesAreIndependent) {
    IndexBQQ index = filled_index();
    const Results expected = search(index, queries(), 10);
    const IndexBQQ copy = index;
    IndexBQQ assigned(3, 8);
    assigned = index;
    index.reset();
    EXPECT_EQ(copy.ntotal, kVectors);
    EXPECT_EQ(search(copy, queries(), 10), expected);
    assigned = *&assigned;
    EXPECT_EQ(assigned.d, kDimension);
    EXPECT_EQ(search(assigned, queries(), 10), expected);
}

TEST(IndexBQQ, SelectorsLimitWhatIsFound) {
    const IndexBQQ index = filled_index();
    faiss::IDSelectorRange range(100, 140);
    faiss::SearchParameters plain;
    plain.sel = &range;
    SearchParametersBQQ ours;
    ours.sel = &range;
    const Results results = search(index, queries(), 10, &plain);
    EXPECT_THAT(results.labels, Each(AllOf(testing::Ge(100), testing::Lt(140))));
    EXPECT_EQ(search(index, queries(), 10, &ours), results);

    const std::vector<idx_t> ids{5, 17, 99};
    faiss::IDSelectorBatch batch(ids.size(), ids.data());
    ours.sel = &batch;
    const Results three = search(index, rows(queries(), 0, 1), 4, &ours);
    EXPECT_EQ(three.labels[3], -1);
    EXPECT_THAT(
            std::vector<idx_t>(three.labels.begin(), three.labels.begin() + 3),
            testing::UnorderedElementsAreArray(ids));

    faiss::RangeSearchResult result(1);
    index.range_search(1, queries().data(), 1e30f, &result, &ours);
    ASSERT_EQ(result.lims[1], 3u);
    EXPECT_THAT(std::vector<idx_t>(result.labels, result.labels + 3), ElementsAre(5, 17, 99));
}

TEST(IndexBQQ, KnobsReachTheSearch) {
    const IndexBQQ index = filled_index();
    const auto exact = bqq::test::exact_parameters();
    SearchParametersBQQ coarse;
    coarse.query_bits = 2;
    coarse.margin = 0;
    const Results truth = search(index, queries(), 10, &exact);
    EXPECT_GE(bqq::test::recall(search(index, queries(), 10).labels, truth.labels, 10), 0.995);
    EXPECT_LT(
            bqq::test::recall(search(index, queries(), 10, &coarse).labels, truth.labels, 10),
            0.99);
}

TEST(ParameterSpace, SetsEveryParameterThatItLists) {
    for (const char* factory : {"BQQ16", "IDMap,BQQ16", "IVF4,BQQ16", "PCA8,IVF4,BQQ16"}) {
        SCOPED_TRACE(factory);
        const auto index = bqq::index_factory(16, factory);
        bqq::ParameterSpace space;
        space.initialize(index.get());
        bool has_leave_early = false;
        for (const faiss::ParameterRange& range : space.parameter_ranges) {
            has_leave_early |= range.name == "leave_early";
            for (const double value : range.values)
                EXPECT_NO_THROW(space.set_index_parameter(index.get(), range.name, value))
                        << range.name;
        }
        const bool is_flat = std::string(factory).find("IVF") == std::string::npos;
        EXPECT_EQ(has_leave_early, is_flat);
    }
    IndexBQQ flat(16, 16);
    bqq::ParameterSpace().set_index_parameter(&flat, "leave_early", 0);
    EXPECT_FALSE(flat.leave_early);
    EXPECT_THROW(
            bqq::ParameterSpace().set_index_parameter(&flat, "leave_early", 2),
            faiss::FaissException);
}

TEST(IndexBQQ, PlacesWithoutANeighbourAreMinusOne) {
    for (const faiss::MetricType metric : {faiss::METRIC_L2, faiss::METRIC_INNER_PRODUCT}) {
        IndexBQQ index = trained_index(metric);
        const float worst = metric == faiss::METRIC_L2 ? std::numeric_limits<float>::max()
                                                       : std::numeric_limits<float>::lowest();
        EXPECT_THAT(search(index, queries(), 2).labels, Each(-1));
        EXPECT_THAT(search(index, queries(), 2).distances, Each(worst));
        index.add(3, base().data());
        const Results results = search(index, rows(queries(), 0, 1), 5);
        EXPECT_THAT(
                std::vector<idx_t>(results.labels.begin(), results.labels.begin() + 3),
                testing::UnorderedElementsAre(0, 1, 2));
        EXPECT_EQ(results.labels[3], -1);
        EXPECT_EQ(results.labels[4], -1);
        EXPECT_EQ(results.distances[3], worst);
        EXPECT_EQ(results.distances[4], worst);
    }
}

TEST(IndexBQQ, ScaledDataIsSearchedWithoutNaN) {
    for (const float scale : {0x1p-60f, 0x1p60f, 0x1p66f})
        for (const faiss::MetricType metric : {faiss::METRIC_L2, faiss::METRIC_INNER_PRODUCT}) {
            std::vector<float> x = base(), q = queries();
            for (float& value : x) value *= scale;
            for (float& value : q) value *= scale;
            IndexBQQ index(kDimension, kAtoms, metric);
            train_and_add(index, x);
            const Results results = search(index, q, 10);
            EXPECT_THAT(results.distances, Each(Truly([](float v) { return !std::isnan(v); })));
            const Results unscaled = search(filled_index(metric), queries(), 10);
            // The codes are the same.
            EXPECT_GT(bqq::test::recall(results.labels, unscaled.labels, 10), 0.99) << scale;
            if (scale > 0x1p60f) continue; // distances are beyond the range of a float
            for (size_t i = 0; i < results.distances.size(); ++i)
                EXPECT_NEAR(
                        results.distances[i] / (scale * scale), unscaled.distances[i],
                        1e-3f * (1 + std::fabs(unscaled.distances[i])));
        }
}

TEST(IndexBQQ, WorksInsideAnIdMap) {
    IndexBQQ inner = trained_index();
    faiss::IndexIDMap2 index(&inner);
    std::vector<idx_t> ids(kVectors);
    for (size_t i = 0; i < ids.size(); ++i) ids[i] = 1000 + 3 * static_cast<idx_t>(i);
    index.add_with_ids(kVectors, base().data(), ids.data());
    const Results plain = search(filled_index(), queries(), 10);
    Results expected = plain;
    for (idx_t& label : expected.labels) label = 1000 + 3 * label;
    EXPECT_EQ(search(index, queries(), 10), expected);
    std::vector<float> vector(kDimension), same(kDimension);
    index.reconstruct(1000 + 3 * 44, vector.data());
    inner.reconstruct(44, same.data());
    EXPECT_EQ(vector, same);

    const std::vector<idx_t> gone{1000, 1003, 1001};
    EXPECT_EQ(index.remove_ids(faiss::IDSelectorBatch(gone.size(), gone.data())), 2u);
    EXPECT_EQ(index.ntotal, kVectors - 2);
    EXPECT_EQ(inner.ntotal, kVectors - 2);
    EXPECT_THAT(search(index, queries(), 10).labels, Each(testing::Ge(1006)));
}

TEST(IndexBQQ, WorksInsideAPreTransform) {
    IndexBQQ inner(8, kAtoms);
    faiss::PCAMatrix pca(kDimension, 8);
    faiss::IndexPreTransform index(&pca, &inner);
    train_and_add(index, base());
    EXPECT_EQ(inner.ntotal, kVectors);
    std::vector<float> projected(40 * 8);
    pca.apply_noalloc(40, queries().data(), projected.data());
    EXPECT_EQ(search(index, queries(), 10), search(inner, projected, 10));
    std::vector<float> vector(kDimension);
    EXPECT_NO_THROW(index.reconstruct(3, vector.data()));
}

} // namespace index_bqq_test
