// What inverted files have beside faiss::Index.
#include "conformance.h"

#include <faiss/IndexFlat.h>
#include <faiss/impl/AuxIndexStructures.h>
#include <faiss/impl/IDSelector.h>

#include <omp.h>

namespace {

using namespace bqq::test;
using bqq::idx_t;
using faiss::DirectMap;
using faiss::IndexIVF;

BQQ_CONFORMANCE_SUITE(InvertedLists, kinds_with({Feature::is_inverted_file}));
BQQ_CONFORMANCE_SUITE(
        ParallelModes, kinds_with({Feature::is_inverted_file, Feature::parallel_modes}));
BQQ_CONFORMANCE_SUITE(Preassigned, kinds_with({Feature::is_inverted_file, Feature::preassigned}));
BQQ_CONFORMANCE_SUITE(DirectMaps, kinds_with({Feature::is_inverted_file, Feature::direct_map}));

/// The lists that a search visits, size n * nprobe.
struct Coarse {
    std::vector<float> distances;
    std::vector<idx_t> lists;
};

Coarse assign(const IndexIVF& index) {
    const size_t size = kQueries * index.nprobe;
    Coarse coarse{std::vector<float>(size), std::vector<idx_t>(size)};
    index.quantizer->search(
            kQueries, queries().data(), static_cast<idx_t>(index.nprobe), coarse.distances.data(),
            coarse.lists.data());
    return coarse;
}

Results search_preassigned(const IndexIVF& index, const Coarse& coarse, idx_t k, bool store_pairs) {
    const auto size = static_cast<size_t>(kQueries * k);
    Results results{std::vector<float>(size, -7), std::vector<int64_t>(size, -7)};
    index.search_preassigned(
            kQueries, queries().data(), k, coarse.lists.data(), coarse.distances.data(),
            results.distances.data(), results.labels.data(), store_pairs);
    return results;
}

std::vector<float> vector_with_id(const faiss::Index& index, idx_t id) {
    std::vector<float> vector(kDimension);
    index.reconstruct(id, vector.data());
    return vector;
}

TEST_P(InvertedLists, HoldEveryIdOnce) {
    const auto index = filled<IndexIVF>();
    EXPECT_EQ(index->nlist, size_t{kLists});
    std::vector<idx_t> ids;
    for (size_t list = 0; list < index->nlist; ++list)
        for (size_t i = 0; i < index->get_list_size(list); ++i)
            ids.push_back(index->invlists->get_single_id(list, i));
    EXPECT_EQ(sorted(ids), ids_of(*index, 0, kVectors));
}

TEST_P(InvertedLists, HoldTheVectorsOfTheirCentroid) {
    const auto index = filled<IndexIVF>();
    std::vector<idx_t> lists(kVectors);
    index->quantizer->assign(kVectors, base().data(), lists.data());
    for (size_t list = 0; list < index->nlist; ++list)
        for (size_t i = 0; i < index->get_list_size(list); ++i)
            EXPECT_EQ(
                    lists[static_cast<size_t>(index->invlists->get_single_id(list, i))],
                    static_cast<idx_t>(list));
}

TEST_P(ParallelModes, GiveTheSame) {
    const auto index = filled<IndexIVF>();
    for (const size_t nprobe : {size_t{1}, size_t{5}, size_t{kLists}}) {
        index->nprobe = nprobe;
        index->parallel_mode = 0;
        const Results wanted = search(*index, queries(), kK);
        for (const int mode : {1, 2, 3}) {
            index->parallel_mode = mode;
            EXPECT_TRUE(same_results(search(*index, queries(), kK), wanted, kK))
                    << "nprobe " << nprobe << ", mode " << mode;
        }
    }
}

TEST_P(ParallelModes, OfARangeSearchGiveTheSame) {
    const auto index = filled<IndexIVF>();
    const float radius = expected().distances[static_cast<size_t>(3 * kK + 5)];
    std::vector<std::vector<idx_t>> wanted;
    for (const int mode : {0, 1, 2}) {
        index->parallel_mode = mode;
        faiss::RangeSearchResult result(kQueries);
        index->range_search(kQueries, queries().data(), radius, &result);
        std::vector<std::vector<idx_t>> found;
        for (size_t q = 0; q < kQueries; ++q)
            found.push_back(sorted(std::vector<idx_t>(
                    result.labels + result.lims[q], result.labels + result.lims[q + 1])));
        if (mode == 0) {
            wanted = found;
            EXPECT_GT(result.lims[kQueries], 0u);
        }
        EXPECT_EQ(found, wanted) << "mode " << mode;
    }
}

TEST_P(Preassigned, SearchOfTheNearestListsIsSearch) {
    const auto index = filled<IndexIVF>();
    for (const size_t nprobe : {size_t{1}, size_t{4}, size_t{kLists}}) {
        index->nprobe = nprobe;
        EXPECT_TRUE(same_but_for_coarse(
                search_preassigned(*index, assign(*index), kK, false),
                search(*index, queries(), kK), kK));
    }
}

TEST_P(Preassigned, ListsThatAreMinusOneAreSkipped) {
    const auto index = filled<IndexIVF>();
    index->nprobe = 1;
    const Results one = search(*index, queries(), kK);
    index->nprobe = 4;
    Coarse coarse = assign(*index);
    for (size_t i = 0; i < coarse.lists.size(); ++i)
        if (i % 4 != 0) coarse.lists[i] = -1;
    EXPECT_TRUE(same_but_for_coarse(search_preassigned(*index, coarse, kK, false), one, kK));
}

TEST_P(Preassigned, StoredPairsAreTheListAndTheOffsetOfTheId) {
    const auto index = filled<IndexIVF>();
    const Coarse coarse = assign(*index);
    Results pairs = search_preassigned(*index, coarse, kK, true);
    for (idx_t& label : pairs.labels) {
        ASSERT_GE(label, 0);
        const auto list = static_cast<size_t>(faiss::lo_listno(static_cast<uint64_t>(label)));
        const auto offset = static_cast<size_t>(faiss::lo_offset(static_cast<uint64_t>(label)));
        ASSERT_LT(list, index->nlist);
        ASSERT_LT(offset, index->get_list_size(list));
        label = index->invlists->get_single_id(list, offset);
    }
    EXPECT_TRUE(same_but_for_coarse(pairs, expected(), kK));
}

TEST_P(DirectMaps, WithoutOneReconstructThrows) {
    const auto index = filled<IndexIVF>();
    expect_refused([&] { vector_with_id(*index, 3); });
    index->make_direct_map();
    EXPECT_NO_THROW(vector_with_id(*index, 3));
    index->make_direct_map(false);
    expect_refused([&] { vector_with_id(*index, 3); });
}

TEST_P(DirectMaps, OfBothTypesReconstructWhatIsStored) {
    const auto index = filled<IndexIVF>(0, 1000);
    std::vector<float> all(base().size());
    filled()->reconstruct_n(0, kVectors, all.data());
    index->make_direct_map();
    add_base(*index, 1000, kVectors);
    for (const auto type : {DirectMap::Array, DirectMap::Hashtable}) {
        index->set_direct_map_type(type);
        for (idx_t i = 0; i < kVectors; i += 13)
            ASSERT_EQ(vector_with_id(*index, i), rows(all, i, i + 1)) << i;
        for (const idx_t id : {idx_t{-1}, kVectors})
            expect_refused([&] { vector_with_id(*index, id); });
        expect_filled(*index);
    }
}

TEST_P(DirectMaps, OfTheArrayTypeRefuseIds) {
    const auto index = filled<IndexIVF>();
    index->make_direct_map();
    const std::vector<idx_t> ids{5000, 5001};
    expect_refused([&] { index->add_with_ids(2, base().data(), ids.data()); });
    expect_filled(*index);
}

TEST_P(DirectMaps, OfTheHashtableTypeKnowGivenIds) {
    const auto index = filled<IndexIVF>();
    index->set_direct_map_type(DirectMap::Hashtable);
    const std::vector<idx_t> ids{5000, idx_t{1} << 40};
    index->add_with_ids(2, base().data() + 7 * kDimension, ids.data());
    EXPECT_EQ(vector_with_id(*index, ids[0]), vector_with_id(*index, 7));
    EXPECT_EQ(vector_with_id(*index, ids[1]), vector_with_id(*index, 8));
    EXPECT_EQ(index->remove_ids(faiss::IDSelectorArray(2, ids.data())), 2u);
    expect_refused([&] { vector_with_id(*index, ids[0]); });
    expect_filled(*index);
}

TEST_P(DirectMaps, UpdatedVectorsTakeThePlaceOfTheOld) {
    for (const auto type : {DirectMap::Array, DirectMap::Hashtable}) {
        const auto index = filled<IndexIVF>();
        index->set_direct_map_type(type);
        const std::vector<idx_t> ids{5, 17};
        const std::vector<float> vectors = rows(base(), 100, 102);
        index->update_vectors(2, ids.data(), vectors.data());
        EXPECT_EQ(index->ntotal, kVectors);
        EXPECT_EQ(vector_with_id(*index, 5), vector_with_id(*index, 100));
        EXPECT_EQ(vector_with_id(*index, 17), vector_with_id(*index, 101));
        const Results results = search(*index, rows(queries(), 0, 1), kVectors);
        std::map<idx_t, float> distances;
        for (size_t i = 0; i < kVectors; ++i) distances[results.labels[i]] = results.distances[i];
        EXPECT_EQ(distances.size(), size_t{kVectors});
        EXPECT_TRUE(near(distances[5], distances[100]));
        EXPECT_TRUE(near(distances[17], distances[101]));
    }
}

TEST_P(DirectMaps, AreKeptInAFile) {
    const auto index = filled<IndexIVF>();
    index->make_direct_map();
    const auto again = from_bytes<IndexIVF>(to_bytes(*index));
    EXPECT_EQ(again->direct_map.type, DirectMap::Array);
    EXPECT_EQ(vector_with_id(*again, 77), vector_with_id(*index, 77));
}

} // namespace
