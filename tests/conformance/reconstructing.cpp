// Vectors read back from an index.
#include "parameters.h"

#include <faiss/IndexFlat.h>

namespace {

using namespace bqq::test;
using bqq::idx_t;

BQQ_CONFORMANCE_SUITE(Reconstructing, kinds_with({Feature::reconstruct}));
BQQ_CONFORMANCE_SUITE(ReconstructingRefused, kinds_that_refuse(Feature::reconstruct));
BQQ_CONFORMANCE_SUITE(
        ReconstructingChecksIds,
        kinds_with({Feature::reconstruct, Feature::reconstruct_checks_ids}));
BQQ_CONFORMANCE_SUITE(ReconstructingMany, kinds_with({Feature::reconstruct_n}));
BQQ_CONFORMANCE_SUITE(
        ReconstructingManyChecksIds,
        kinds_with({Feature::reconstruct_n, Feature::reconstruct_checks_ids}));
BQQ_CONFORMANCE_SUITE(
        ReconstructingOneAndMany, kinds_with({Feature::reconstruct, Feature::reconstruct_n}));
BQQ_CONFORMANCE_SUITE(SearchAndReconstruct, kinds_with({Feature::search_and_reconstruct}));

std::vector<float> reconstructed(const faiss::Index& index, idx_t position) {
    std::vector<float> vector(kDimension);
    index.reconstruct(id_of(index, position), vector.data());
    return vector;
}

TEST_P(Reconstructing, GivesBackAboutWhatWasAdded) {
    const auto index = filled();
    std::vector<float> vectors;
    for (idx_t i = 0; i < kVectors; ++i) {
        const std::vector<float> vector = reconstructed(*index, i);
        vectors.insert(vectors.end(), vector.begin(), vector.end());
    }
    EXPECT_LT(squared_error(vectors, base()), GetParam().largest_error() * variance(base()));
}

TEST_P(Reconstructing, OfAnIndexInTwoPartsIsThatOfTheWhole) {
    const auto whole = filled();
    const auto parts = filled(0, 700);
    add_base(*parts, 700, kVectors);
    for (const idx_t i : {0, 699, 700, 1499})
        expect_same_vectors(reconstructed(*parts, i), reconstructed(*whole, i));
}

TEST_P(ReconstructingRefused, ThrowsAndLeavesTheIndexAsItWas) {
    const auto index = filled();
    expect_refused([&] { reconstructed(*index, 3); });
    expect_filled(*index);
}

TEST_P(ReconstructingChecksIds, IdsThatAreNotStoredThrow) {
    const auto index = filled();
    std::vector<float> vector(kDimension, 5);
    for (const idx_t id : {idx_t{-1}, id_of(*index, kVectors), idx_t{1} << 40})
        expect_refused([&] { index->reconstruct(id, vector.data()); });
    EXPECT_EQ(vector, std::vector<float>(kDimension, 5));
    expect_filled(*index);
}

TEST_P(ReconstructingMany, GivesBackAboutWhatWasAdded) {
    const auto index = filled();
    std::vector<float> vectors(base().size());
    index->reconstruct_n(0, kVectors, vectors.data());
    EXPECT_LT(squared_error(vectors, base()), GetParam().largest_error() * variance(base()));
}

TEST_P(ReconstructingMany, APartIsThatOfAll) {
    const auto index = filled();
    std::vector<float> all(base().size()), part(40 * kDimension + 1, 5);
    index->reconstruct_n(0, kVectors, all.data());
    index->reconstruct_n(1400, 40, part.data());
    EXPECT_EQ(part.back(), 5);
    part.pop_back();
    expect_same_vectors(part, rows(all, 1400, 1440));
    index->reconstruct_n(kVectors, 0, part.data());
    expect_same_vectors(part, rows(all, 1400, 1440));
}

TEST_P(ReconstructingManyChecksIds, ARangeThatIsNotStoredThrows) {
    const auto index = filled(0, 300);
    std::vector<float> vectors(10 * kDimension);
    expect_refused([&] { index->reconstruct_n(295, 10, vectors.data()); });
    expect_refused([&] { index->reconstruct_n(-1, 10, vectors.data()); });
}

TEST_P(ReconstructingOneAndMany, AreTheSame) {
    const auto index = filled();
    std::vector<float> all(base().size());
    index->reconstruct_n(0, kVectors, all.data());
    for (const idx_t i : {0, 1, 33, 1499})
        expect_same_vectors(reconstructed(*index, i), rows(all, i, i + 1));
}

TEST_P(SearchAndReconstruct, GivesTheResultsOfSearchAndTheirVectors) {
    const auto index = filled();
    Results results{std::vector<float>(kQueries * kK), std::vector<idx_t>(kQueries * kK)};
    std::vector<float> vectors(kQueries * kK * kDimension + 1, 5);
    index->search_and_reconstruct(
            kQueries, queries().data(), kK, results.distances.data(), results.labels.data(),
            vectors.data());
    EXPECT_EQ(vectors.back(), 5);
    vectors.pop_back();
    EXPECT_TRUE(same_but_for_coarse(results, expected(), kK));
    // The vector of a label is the same in every row, and about what was added.
    std::map<idx_t, std::vector<float>> by_label;
    std::vector<float> wanted;
    for (size_t i = 0; i < results.labels.size(); ++i) {
        const auto row = static_cast<idx_t>(i);
        const std::vector<float> vector = rows(vectors, row, row + 1);
        const auto place = by_label.emplace(results.labels[i], vector).first;
        for (size_t j = 0; j < kDimension; ++j)
            ASSERT_NEAR(vector[j], place->second[j], 1e-5) << "label " << results.labels[i];
        const idx_t first = id_of(*index, 0), step = id_of(*index, 1) - first;
        const idx_t position = (results.labels[i] - first) / step;
        const std::vector<float> x = rows(base(), position, position + 1);
        wanted.insert(wanted.end(), x.begin(), x.end());
    }
    EXPECT_LT(squared_error(vectors, wanted), GetParam().largest_error() * variance(base()));
}

TEST_P(SearchAndReconstruct, PlacesWithoutAResultAreNaN) {
    const auto index = filled(0, 2);
    std::vector<float> distances(4), vectors(4 * kDimension, 5);
    std::vector<idx_t> labels(4);
    index->search_and_reconstruct(
            1, queries().data(), 4, distances.data(), labels.data(), vectors.data());
    EXPECT_EQ(labels[2], -1);
    EXPECT_EQ(labels[3], -1);
    for (size_t i = 0; i < vectors.size(); ++i)
        EXPECT_EQ(std::isnan(vectors[i]), i >= 2 * kDimension) << i;
}

TEST_P(SearchAndReconstruct, KOfZeroThrows) {
    const auto index = filled();
    float value = 0;
    idx_t label = 0;
    expect_refused(
            [&] { index->search_and_reconstruct(1, queries().data(), 0, &value, &label, &value); });
    expect_filled(*index);
}

} // namespace
