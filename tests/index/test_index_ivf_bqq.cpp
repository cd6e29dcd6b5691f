#include "ivf_fixture.h"
#include "temporary_folder.h"

#include <faiss/Clustering.h>
#include <faiss/IVFlib.h>
#include <faiss/IndexFlat.h>
#include <faiss/impl/AuxIndexStructures.h>
#include <faiss/impl/FaissException.h>
#include <faiss/impl/IDSelector.h>
#include <faiss/invlists/OnDiskInvertedLists.h>
#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <set>

namespace index_ivf_bqq_test {

using namespace bqq::test;
using bqq::idx_t;
using bqq::IndexIVFBQQ;
using bqq::IVFSearchParametersBQQ;
using faiss::FaissException;
using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

INSTANTIATE_TEST_SUITE_P(Kinds, IVF, ivf_kinds(), ivf_kind_name);

TEST_P(IVF, DistancesAreTheDocumentedScores) {
    index.nprobe = kLists;
    index.make_direct_map();
    const Results found = search(index, queries(), kK);
    for (size_t i = 0; i < found.labels.size(); ++i) {
        const idx_t at = index.direct_map.get(found.labels[i]);
        const double expected = score(
                queries().data() + i / kK * kDimension, faiss::lo_listno(static_cast<uint64_t>(at)),
                faiss::lo_offset(static_cast<uint64_t>(at)));
        EXPECT_NEAR(found.distances[i], expected, 1e-4 * (1 + std::fabs(expected)));
    }
}

TEST_P(IVF, FindsWhatScoringAllCodesInFloatFinds) {
    index.nprobe = kLists;
    IVFSearchParametersBQQ exact;
    exact.nprobe = kLists;
    exact.margin = kInfinity;
    EXPECT_GT(
            recall(search(index, queries(), kK).labels, search(index, queries(), kK, &exact).labels,
                   kK),
            0.99);
}

TEST_P(IVF, RecallIsThatOfTheFlatIndexOrBetter) {
    const auto flat = make(GetParam().factory.substr(6), metric());
    flat->add(kVectors, vectors().data());
    faiss::IndexFlat truth(kDimension, metric());
    truth.add(kVectors, vectors().data());
    const std::vector<int64_t> nearest = search(truth, queries(), kK).labels;
    index.nprobe = kLists;
    EXPECT_GT(
            recall(search(index, queries(), kK).labels, nearest, kK),
            recall(search(*flat, queries(), kK).labels, nearest, kK) - 0.02);
}

TEST_P(IVF, ListsOfRowsGiveTheSame) {
    const Results expected = search(index, queries(), kK);
    auto* rows = new faiss::ArrayInvertedLists(kLists, index.code_size);
    rows->merge_from(index.invlists, 0);
    index.replace_invlists(rows, true);
    expect_same(search(index, queries(), kK), expected);
}

TEST_P(IVF, OnDiskListsGiveTheSame) {
    const Results expected = search(index, queries(), kK);
    const bqq::test::TemporaryFolder folder;
    const std::string path = folder.path() / "lists";
    index.reset();
    index.replace_invlists(
            new faiss::OnDiskInvertedLists(kLists, index.code_size, path.c_str()), true);
    index.add(kVectors, vectors().data());
    expect_same(search(index, queries(), kK), expected);
}

TEST_P(IVF, ParallelModesGiveTheSame) {
    const Results expected = search(index, queries(), kK);
    for (const int mode : {1, 2, 3}) {
        index.parallel_mode = mode;
        expect_same(search(index, queries(), kK), expected);
    }
}

TEST_P(IVF, HeapsOfTheCallerAreGoneOnWith) {
    // The first half of the probes fills the heaps, the second half goes on with them.
    const auto n = static_cast<idx_t>(queries().size() / kDimension);
    index.nprobe = 6;
    const Results expected = search(index, queries(), kK);
    std::vector<float> dis(static_cast<size_t>(n) * 6);
    std::vector<idx_t> lists(dis.size());
    index.quantizer->search(n, queries().data(), 6, dis.data(), lists.data());
    Results heaps{
            std::vector<float>(expected.distances.size(), l2() ? kInfinity : -kInfinity),
            std::vector<int64_t>(expected.labels.size(), -1)};
    index.parallel_mode = index.PARALLEL_MODE_NO_HEAP_INIT;
    index.nprobe = 3;
    for (size_t half = 0; half < 2; ++half) {
        std::vector<float> half_dis;
        std::vector<idx_t> half_lists;
        for (size_t i = 0; i < static_cast<size_t>(n); ++i)
            for (size_t p = 0; p < 3; ++p) {
                half_dis.push_back(dis[i * 6 + half * 3 + p]);
                half_lists.push_back(lists[i * 6 + half * 3 + p]);
            }
        index.search_preassigned(
                n, queries().data(), kK, half_lists.data(), half_dis.data(), heaps.distances.data(),
                heaps.labels.data(), false);
    }
    for (size_t i = 0; i < static_cast<size_t>(n); ++i) {
        if (l2())
            faiss::heap_reorder<faiss::CMax<float, idx_t>>(
                    kK, heaps.distances.data() + i * kK, heaps.labels.data() + i * kK);
        else
            faiss::heap_reorder<faiss::CMin<float, idx_t>>(
                    kK, heaps.distances.data() + i * kK, heaps.labels.data() + i * kK);
    }
    expect_same(heaps, expected);
}

TEST_P(IVF, RangeSearchFindsWhatSearchRanks) {
    index.nprobe = kLists;
    index.margin = std::numeric_limits<float>::infinity(); // every distance is exact
    const auto n = static_cast<idx_t>(queries().size() / kDimension);
    const Results all = search(index, queries(), kVectors);
    const float radius = all.distances[30]; // of the first query
    faiss::RangeSearchResult result(static_cast<size_t>(n));
    index.range_search(n, queries().data(), radius, &result);
    for (size_t i = 0; i < static_cast<size_t>(n); ++i) {
        const std::set<int64_t> found(
                result.labels + result.lims[i], result.labels + result.lims[i + 1]);
        for (size_t r = 0; r < kVectors; ++r) {
            const float distance = all.distances[i * kVectors + r];
            if (std::abs(distance - radius) < 1e-5f * std::abs(radius)) continue; // rounding
            EXPECT_EQ(
                    found.count(all.labels[i * kVectors + r]),
                    (l2() ? distance < radius : distance > radius) ? 1U : 0U)
                    << "query " << i << ", distance " << distance << ", radius " << radius;
        }
    }
}

TEST_P(IVF, TheScannerMeasuresWhatSearchDoes) {
    index.nprobe = kLists;
    index.make_direct_map();
    const Results found = search(index, queries(), kK);
    const std::unique_ptr<faiss::InvertedListScanner> scanner(index.get_InvertedListScanner());
    std::vector<float> dis(kLists);
    std::vector<idx_t> lists(kLists);
    index.quantizer->search(1, queries().data(), kLists, dis.data(), lists.data());
    scanner->set_query(queries().data());
    for (size_t p = 0; p < kLists; ++p) {
        scanner->set_list(lists[p], dis[p]);
        for (size_t r = 0; r < kK; ++r) {
            const auto at = static_cast<uint64_t>(index.direct_map.get(found.labels[r]));
            if (static_cast<idx_t>(faiss::lo_listno(at)) != lists[p]) continue;
            const faiss::InvertedLists::ScopedCodes code(
                    index.invlists, faiss::lo_listno(at), faiss::lo_offset(at));
            EXPECT_NEAR(scanner->distance_to_code(code.codes), found.distances[r], 1e-4);
        }
    }
}

TEST_P(IVF, ACoarseQuantizerOfTheOtherMetricServesToo) {
    const faiss::MetricType other = l2() ? faiss::METRIC_INNER_PRODUCT : faiss::METRIC_L2;
    faiss::IndexFlat coarse(kDimension, other);
    IndexIVFBQQ mixed(
            &coarse, kDimension, kLists, kBits, metric(), 8, index.codec().wanted_bases());
    mixed.train(kVectors, vectors().data());
    mixed.add(kVectors, vectors().data());
    mixed.nprobe = kLists;
    faiss::IndexFlat truth(kDimension, metric());
    truth.add(kVectors, vectors().data());
    EXPECT_GT(
            recall(search(mixed, queries(), kK).labels, search(truth, queries(), kK).labels, kK),
            0.5);
}

TEST_P(IVF, PartsCanBeCopied) {
    const std::unique_ptr<faiss::Index> other(bqq::clone_index(&index));
    other->reset();
    index.copy_subset_to(as_ivf(*other), {}, 100, 900); // type 0: a range of ids
    EXPECT_EQ(other->ntotal, 800);
    faiss::IDSelectorRange part(100, 900);
    IVFSearchParametersBQQ params;
    params.nprobe = index.nprobe;
    params.sel = &part;
    params.widen_for_selector = false;
    expect_same(search(*other, queries(), kK), search(index, queries(), kK, &params));
}

TEST_P(IVF, VectorsCanBeReplaced) {
    index.make_direct_map();
    const idx_t id = 17;
    std::vector<float> other = gaussian_vectors(1, kDimension, 77);
    for (float& value : other) value += 1;
    index.update_vectors(1, &id, other.data());
    index.nprobe = kLists;
    if (l2()) {
        EXPECT_EQ(search(index, other, 1).labels[0], id);
    }
    std::vector<float> back(kDimension);
    index.reconstruct(id, back.data());
    double error = 0;
    double energy = 0;
    for (size_t j = 0; j < kDimension; ++j) {
        error += std::pow(static_cast<double>(back[j] - other[j]), 2);
        energy += std::pow(static_cast<double>(other[j]), 2);
    }
    EXPECT_LT(error, 0.5 * energy);
}

TEST_P(IVF, AddsWhateverNprobeIs) {
    const std::unique_ptr<faiss::Index> other(bqq::clone_index(&index));
    index.nprobe = 0;
    for (faiss::Index* to : {static_cast<faiss::Index*>(&index), other.get()})
        to->add(40, queries().data());
    index.nprobe = 5;
    EXPECT_EQ(index.ntotal, kVectors + 40);
    EXPECT_EQ(search(index, queries(), kK), search(*other, queries(), kK));
}

TEST(IVFAssignment, IsExactFarFromTheOrigin) {
    constexpr size_t d = 64, lists = 200, n = 600;
    std::vector<float> centroids = normal_numbers(lists, d, 1), x = normal_numbers(n, d, 2);
    for (float& value : centroids) value += 500;
    for (float& value : x) value += 500;
    faiss::IndexFlatL2 quantizer(d);
    quantizer.add(lists, centroids.data());
    bqq::IndexIVFBQQ index(&quantizer, d, lists, kBits);
    index.train(n, x.data());
    index.add(n, x.data());
    const auto distance = [&](size_t i, size_t list) {
        double sum = 0;
        for (size_t j = 0; j < d; ++j)
            sum += std::pow(
                    static_cast<double>(x[i * d + j]) -
                            static_cast<double>(quantizer.get_xb()[list * d + j]),
                    2);
        return sum;
    };
    size_t seen = 0;
    for (size_t list = 0; list < lists; ++list) {
        const faiss::InvertedLists::ScopedIds ids(index.invlists, list);
        for (size_t at = 0; at < index.get_list_size(list); ++at, ++seen) {
            const auto i = static_cast<size_t>(ids[at]);
            for (size_t other = 0; other < lists; ++other)
                ASSERT_LE(distance(i, list), distance(i, other) + 1e-3) << i << " " << other;
        }
    }
    EXPECT_EQ(seen, n);
}

TEST_P(IVF, CentroidsHaveSixteenBits) {
    std::vector<float> centroid(kDimension);
    for (size_t c = 0; c < kLists; ++c) {
        index.quantizer->reconstruct(static_cast<idx_t>(c), centroid.data());
        for (const float value : centroid) EXPECT_EQ(std::bit_cast<uint32_t>(value) & 0xffffu, 0u);
    }
}

TEST_P(IVF, FaissHelpersTakeIt) {
    EXPECT_EQ(faiss::ivflib::extract_index_ivf(&index), &index);
    const auto other = make(GetParam().factory, metric());
    as_ivf(*other).set_trained(index.codec(), index.list_basis(), index.centroid_scale());
    other->add(100, vectors().data());
    faiss::ivflib::merge_into(&index, other.get(), true);
    EXPECT_EQ(index.ntotal, kVectors + 100);
    EXPECT_EQ(other->ntotal, 0);
    std::vector<idx_t> lists(3);
    faiss::ivflib::search_centroid(&index, vectors().data(), 3, lists.data());
    EXPECT_THAT(lists, testing::Each(testing::AllOf(testing::Ge(0), testing::Lt(12))));
    const std::unique_ptr<faiss::ArrayInvertedLists> part(
            faiss::ivflib::get_invlist_range(&index, 2, 5));
    EXPECT_EQ(part->list_size(0), index.get_list_size(2));
}

TEST_P(IVF, FewVectorsAreEnough) {
    faiss::IndexFlat coarse(kDimension, metric());
    IndexIVFBQQ small(&coarse, kDimension, kLists, kBits, metric());
    small.train(static_cast<idx_t>(kBits), vectors().data());
    small.add(3, vectors().data());
    small.nprobe = kLists;
    const Results found = search(small, {vectors().data(), vectors().data() + kDimension}, 5);
    EXPECT_THAT(
            std::vector<int64_t>(found.labels.begin(), found.labels.begin() + 3),
            testing::UnorderedElementsAre(0, 1, 2));
    EXPECT_EQ(found.labels[3], -1);
    EXPECT_THAT(
            [&] {
                small.reset();
                small.train(static_cast<idx_t>(kBits) - 1, vectors().data());
            },
            ThrowsMessage<FaissException>(HasSubstr("47 vectors")));
}

} // namespace index_ivf_bqq_test
