#include <bqq/IndexIVFBQQ.h>

#include "coarse_search.h"
#include "random_data.h"
#include "search_results.h"

#include <bqq/index_factory.h>
#include <bqq/index_io.h>
#include <faiss/Clustering.h>
#include <faiss/IVFlib.h>
#include <faiss/IndexFlat.h>
#include <faiss/IndexIVFPQ.h>
#include <faiss/impl/AuxIndexStructures.h>
#include <faiss/impl/FaissException.h>
#include <faiss/invlists/OnDiskInvertedLists.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace {

using bqq::idx_t;
using bqq::IndexIVFBQQ;
using bqq::IVFSearchParametersBQQ;
using bqq::test::gaussian_vectors;
using bqq::test::recall;
using bqq::test::Results;
using bqq::test::search;
using faiss::FaissException;
using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr size_t kDimension = 16;
constexpr size_t kLists = 12;
constexpr size_t kBits = 48;
constexpr idx_t kVectors = 1500;
constexpr idx_t kK = 10;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

const std::vector<float>& vectors() {
    static const std::vector<float> x = gaussian_vectors(kVectors, kDimension, 1);
    return x;
}

const std::vector<float>& queries() {
    static const std::vector<float> x = gaussian_vectors(40, kDimension, 2);
    return x;
}

std::unique_ptr<faiss::Index> make(const std::string& description, faiss::MetricType metric) {
    auto index = std::unique_ptr<faiss::Index>(
            bqq::index_factory(static_cast<int>(kDimension), description, metric));
    index->train(kVectors, vectors().data());
    return index;
}

IndexIVFBQQ& as_ivf(faiss::Index& index) {
    return dynamic_cast<IndexIVFBQQ&>(index);
}

class IVF : public testing::TestWithParam<faiss::MetricType> {
protected:
    IVF() : owner_(bqq::clone_index(&filled(GetParam()))), index(as_ivf(*owner_)) {}

    /// Trained once for all tests.
    static const faiss::Index& filled(faiss::MetricType metric) {
        static std::map<faiss::MetricType, std::unique_ptr<faiss::Index>> indexes;
        std::unique_ptr<faiss::Index>& made = indexes[metric];
        if (made == nullptr) {
            made = make("IVF12,BQQ48", metric);
            made->add(kVectors, vectors().data());
            as_ivf(*made).nprobe = 5;
        }
        return *made;
    }

private:
    std::unique_ptr<faiss::Index> owner_;

protected:
    IndexIVFBQQ& index;
    bool l2() const { return GetParam() == faiss::METRIC_L2; }

    /// The score of a stored vector by its definition, in double.
    double score(const float* q, idx_t list, size_t offset) const {
        const faiss::InvertedLists::ScopedCodes code(
                index.invlists, static_cast<size_t>(list), offset);
        const bqq::Basis& basis = index.bqq.basis();
        const bqq::StoredScales scales =
                index.bqq.scales().decode(code.codes + index.bqq.bits_size());
        std::vector<float> centroid(kDimension);
        index.quantizer->reconstruct(list, centroid.data());
        double ws = 0;
        double from_centroid = 0;
        for (size_t j = 0; j < kDimension; ++j) {
            const double from =
                    l2() ? static_cast<double>(q[j]) - static_cast<double>(basis.mean[j])
                         : static_cast<double>(q[j]);
            for (size_t k = 0; k < kBits; ++k) {
                const double b = basis.B[k * kDimension + j];
                ws += (code.codes[k / 8] >> (k % 8) & 1) != 0 ? b * from : -b * from;
            }
            const double difference = static_cast<double>(q[j]) - static_cast<double>(centroid[j]);
            from_centroid += l2() ? difference * difference
                                  : static_cast<double>(index.centroid_scale) *
                                             static_cast<double>(q[j]) *
                                             static_cast<double>(centroid[j]);
        }
        const double unit = basis.scale;
        if (!l2()) return from_centroid + unit * static_cast<double>(scales.alpha) * ws;
        return from_centroid + unit * unit * static_cast<double>(scales.nu) -
               2 * unit * static_cast<double>(scales.alpha) * ws;
    }

    void expect_same(const Results& found, const Results& expected) const {
        ASSERT_EQ(found.labels, expected.labels);
        for (size_t i = 0; i < found.distances.size(); ++i)
            ASSERT_NEAR(
                    found.distances[i], expected.distances[i],
                    1e-5f * (1 + std::fabs(expected.distances[i])));
    }
};
INSTANTIATE_TEST_SUITE_P(
        Metrics, IVF, testing::Values(faiss::METRIC_L2, faiss::METRIC_INNER_PRODUCT),
        [](const auto& kind) { return kind.param == faiss::METRIC_L2 ? "L2" : "InnerProduct"; });

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
    const auto flat = make("BQQ48", GetParam());
    flat->add(kVectors, vectors().data());
    faiss::IndexFlat truth(kDimension, GetParam());
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
    const auto path =
            std::filesystem::temp_directory_path() / ("bqq_ondisk_" + std::to_string(getpid()));
    index.reset();
    index.replace_invlists(
            new faiss::OnDiskInvertedLists(kLists, index.code_size, path.c_str()), true);
    index.add(kVectors, vectors().data());
    expect_same(search(index, queries(), kK), expected);
    std::filesystem::remove(path);
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
    const auto n = static_cast<idx_t>(queries().size() / kDimension);
    const Results all = search(index, queries(), kVectors);
    const float radius = all.distances[30]; // of the first query
    faiss::RangeSearchResult result(static_cast<size_t>(n));
    index.range_search(n, queries().data(), radius, &result);
    for (size_t i = 0; i < static_cast<size_t>(n); ++i) {
        std::vector<int64_t> expected;
        for (size_t r = 0; r < kVectors; ++r) {
            const float distance = all.distances[i * kVectors + r];
            if (l2() ? distance < radius : distance > radius)
                expected.push_back(all.labels[i * kVectors + r]);
        }
        std::vector<int64_t> found(
                result.labels + result.lims[i], result.labels + result.lims[i + 1]);
        EXPECT_THAT(found, testing::UnorderedElementsAreArray(expected)) << "query " << i;
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
    IndexIVFBQQ mixed(&coarse, kDimension, kLists, kBits, GetParam());
    mixed.train(kVectors, vectors().data());
    mixed.add(kVectors, vectors().data());
    mixed.nprobe = kLists;
    faiss::IndexFlat truth(kDimension, GetParam());
    truth.add(kVectors, vectors().data());
    EXPECT_GT(
            recall(search(mixed, queries(), kK).labels, search(truth, queries(), kK).labels, kK),
            0.5);
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

TEST_P(IVF, CentroidsHaveSixteenBits) {
    std::vector<float> centroid(kDimension);
    for (size_t c = 0; c < kLists; ++c) {
        index.quantizer->reconstruct(static_cast<idx_t>(c), centroid.data());
        for (const float value : centroid) EXPECT_EQ(std::bit_cast<uint32_t>(value) & 0xffffu, 0u);
    }
}

TEST_P(IVF, CoarseSearchFindsWhatTheQuantizerFinds) {
    for (const size_t nprobe : {size_t{1}, size_t{5}, kLists}) {
        for (const idx_t n : {1, 3, 40}) {
            const size_t size = static_cast<size_t>(n) * nprobe;
            std::vector<float> found(size), expected(size);
            std::vector<idx_t> found_lists(size), expected_lists(size);
            bqq::search_centroids(
                    index, n, queries().data(), nprobe, nullptr, found.data(), found_lists.data());
            index.quantizer->search(
                    n, queries().data(), static_cast<idx_t>(nprobe), expected.data(),
                    expected_lists.data());
            EXPECT_EQ(found_lists, expected_lists);
            EXPECT_THAT(found, testing::Pointwise(testing::FloatNear(1e-4f), expected));
        }
    }
}

TEST_P(IVF, FaissHelpersTakeIt) {
    EXPECT_EQ(faiss::ivflib::extract_index_ivf(&index), &index);
    const auto other = make("IVF12,BQQ48", GetParam());
    as_ivf(*other).bqq = index.bqq;
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
    faiss::IndexFlat coarse(kDimension, GetParam());
    IndexIVFBQQ small(&coarse, kDimension, kLists, kBits, GetParam());
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

TEST_P(IVF, BadParametersAreNamed) {
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

TEST_P(IVF, CoarseQuantizersThatDoNotFitAreRefused) {
    faiss::IndexFlat narrow(kDimension - 1, GetParam());
    EXPECT_THAT(
            [&] { IndexIVFBQQ(&narrow, kDimension, kLists, kBits, GetParam()); },
            ThrowsMessage<FaissException>(HasSubstr("dimension 15")));
    EXPECT_THROW(IndexIVFBQQ(nullptr, kDimension, kLists, kBits, GetParam()), FaissException);
    faiss::IndexFlat empty(kDimension, GetParam());
    faiss::Index* trained = index.quantizer;
    index.quantizer = &empty;
    EXPECT_THAT(
            [&] { search(index, queries(), kK); },
            ThrowsMessage<FaissException>(HasSubstr("0 centroids")));
    EXPECT_THROW(index.add(1, vectors().data()), FaissException);
    index.quantizer = trained;
    EXPECT_NO_THROW(search(index, queries(), kK));
}

TEST_P(IVF, ListsOfAForeignCodeSizeAreRefused) {
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

TEST_P(IVF, ANaNIsRefusedAndNothingIsAdded) {
    std::vector<float> x(vectors().begin(), vectors().begin() + 3 * kDimension);
    x[2 * kDimension + 5] = std::nanf("");
    EXPECT_THAT(
            [&] { index.add(3, x.data()); },
            ThrowsMessage<FaissException>(HasSubstr("row 2, column 5")));
    EXPECT_EQ(index.ntotal, kVectors);
    EXPECT_EQ(index.invlists->compute_ntotal(), static_cast<size_t>(kVectors));
    EXPECT_THROW(search(index, x, kK), FaissException);
}

TEST_P(IVF, MergingWhatWasTrainedDifferentlyIsRefused) {
    auto other = make("IVF12,BQQ48", GetParam());
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

/// What a graph over codes measures between two stored vectors is what it measures from the first, decoded, to the second.
TEST_P(IVF, DistancesBetweenCodesAreThoseOfDecodedQueries) {
    const auto owner = make("BQQ48", GetParam());
    owner->add(50, vectors().data());
    const std::unique_ptr<faiss::DistanceComputer> between(owner->get_distance_computer());
    const std::unique_ptr<faiss::DistanceComputer> from(owner->get_distance_computer());
    std::vector<float> decoded(kDimension);
    for (idx_t j = 0; j < 50; j += 7) {
        owner->reconstruct(j, decoded.data());
        from->set_query(decoded.data());
        // L2 takes the stored norm of the second vector where the decoded query has its own.
        double offset = 0;
        for (idx_t i = 0; i < 50; ++i) {
            const double difference = static_cast<double>(between->symmetric_dis(i, j)) -
                                      static_cast<double>((*from)(i));
            if (i == 0) offset = difference;
            EXPECT_NEAR(difference, l2() ? offset : 0, 1e-4);
        }
    }
}

} // namespace
