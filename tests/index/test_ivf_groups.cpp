#include "random_data.h"
#include "search_results.h"
#include "temporary_folder.h"

#include <bqq/index/IndexIVFBQQ.h>
#include <bqq/index/index_factory.h>
#include <bqq/index/index_io.h>
#include <faiss/impl/FaissException.h>
#include <faiss/impl/io.h>
#include <faiss/index_io.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace ivf_groups_test {

using bqq::idx_t;
using bqq::IndexIVFBQQ;
using bqq::test::normal_numbers;
using bqq::test::search;
using faiss::FaissException;
using testing::Each;
using testing::HasSubstr;
using testing::Lt;
using testing::ThrowsMessage;

constexpr size_t kDimension = 16, kClusters = 4, kAtoms = 24;
constexpr idx_t kVectors = 2400, kQueries = 60, kK = 10;

/// Vectors in clusters far apart. Cluster c is long in four coordinates of its own, and 1 + c times
/// as large as the first.
std::vector<float> clustered_vectors(size_t n, uint64_t seed) {
    std::vector<float> x = normal_numbers(n, kDimension, seed);
    for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j < kDimension; ++j) {
            const size_t cluster = i % kClusters;
            const bool own = j / 4 == cluster;
            x[i * kDimension + j] *= (own ? 1.0f : 0.2f) * (1 + static_cast<float>(cluster));
            if (own) x[i * kDimension + j] += 20;
        }
    return x;
}

class IVFGroups : public testing::TestWithParam<faiss::MetricType> {
protected:
    const std::vector<float> x = clustered_vectors(kVectors, 1);
    const std::vector<float> queries = clustered_vectors(kQueries, 2);

    /// Holds x and searches all lists; trained once for all tests.
    std::unique_ptr<IndexIVFBQQ> made(const std::string& description) const {
        static std::map<std::pair<std::string, faiss::MetricType>, std::unique_ptr<faiss::Index>>
                indexes;
        std::unique_ptr<faiss::Index>& kept = indexes[{description, GetParam()}];
        if (kept == nullptr) {
            kept = bqq::index_factory(kDimension, description, GetParam());
            bqq::test::train_and_add(*kept, x);
        }
        auto ivf = std::make_unique<IndexIVFBQQ>(dynamic_cast<IndexIVFBQQ&>(*kept));
        ivf->nprobe = ivf->nlist;
        return ivf;
    }

    /// The list that each vector is in.
    static std::vector<size_t> lists_of(const IndexIVFBQQ& index) {
        std::vector<size_t> lists(static_cast<size_t>(index.ntotal));
        for (size_t list = 0; list < index.nlist; ++list)
            for (size_t i = 0; i < index.get_list_size(list); ++i)
                lists[static_cast<size_t>(index.invlists->get_single_id(list, i))] = list;
        return lists;
    }

    double recall(const faiss::Index& index) const {
        return bqq::test::recall_among(index, x, queries, kK);
    }
};
INSTANTIATE_TEST_SUITE_P(
        Metrics, IVFGroups, testing::Values(faiss::METRIC_L2, faiss::METRIC_INNER_PRODUCT),
        [](const auto& kind) { return kind.param == faiss::METRIC_L2 ? "L2" : "InnerProduct"; });

std::vector<uint8_t> to_bytes(const faiss::Index& index) {
    faiss::VectorIOWriter writer;
    bqq::write_index(&index, &writer);
    return writer.data;
}

std::unique_ptr<faiss::Index> from_bytes(const std::vector<uint8_t>& bytes) {
    faiss::VectorIOReader reader;
    reader.data = bytes;
    return std::unique_ptr<faiss::Index>(bqq::read_index(&reader));
}

TEST_P(IVFGroups, ListsOfAClusterShareABasis) {
    const auto index = made("IVF16,BQQ24g2");
    const std::vector<size_t> lists = lists_of(*index);
    std::set<uint8_t> bases;
    for (size_t i = 0; i < lists.size(); ++i) {
        EXPECT_EQ(index->list_basis()[lists[i]], index->list_basis()[lists[i % kClusters]]) << i;
        bases.insert(index->list_basis()[lists[i]]);
    }
    EXPECT_EQ(bases.size(), 2u);
}

TEST_P(IVFGroups, FindMoreThanOneBasis) {
    const auto grouped = made("IVF16,BQQ24z8g4");
    const auto one = made("IVF16,BQQ24");
    EXPECT_EQ(grouped->code_size, one->code_size);
    EXPECT_EQ(grouped->sa_code_size(), one->sa_code_size());
    EXPECT_GT(recall(*grouped), recall(*one) + 0.05);
}

TEST_P(IVFGroups, AreChosenByTraining) {
    const auto index = made("IVF16,BQQ24g");
    // 2,400 codes of 4 or 6 bytes afford 15 or 22 planes of 96 bytes, four to a basis.
    EXPECT_EQ(index->codec().bases(), GetParam() == faiss::METRIC_L2 ? 5u : 3u);
    EXPECT_EQ(index->codec().depth(), 4);
    EXPECT_EQ(bqq::reverse_index_factory(index.get()), "IVF16,BQQ24g");
    EXPECT_GT(recall(*index), recall(*made("IVF16,BQQ24z4")) + 0.05);
    const std::unique_ptr<faiss::Index> clone(bqq::clone_index(index.get()));
    EXPECT_EQ(search(*clone, queries, kK), search(*index, queries, kK));
}

TEST_P(IVFGroups, AQuerySeesOnlyItsListsWhateverTheOthersOfItsBatchVisit) {
    const auto index = made("IVF16,BQQ24g4");
    index->nprobe = 2;
    const std::vector<size_t> lists = lists_of(*index);
    const auto together = search(*index, queries, kK);
    for (size_t q = 0; q < kQueries; ++q) {
        const auto first = queries.begin() + static_cast<std::ptrdiff_t>(q * kDimension);
        const auto alone = search(*index, {first, first + kDimension}, kK);
        std::vector<int64_t> visited(index->nprobe);
        std::vector<float> distances(index->nprobe);
        index->quantizer->search(
                1, &*first, static_cast<int64_t>(index->nprobe), distances.data(), visited.data());
        for (size_t r = 0; r < kK; ++r) {
            const float distance = together.distances[q * kK + r];
            // The coarse quantizer rounds distances otherwise to one query, at norms of 1600, so
            // that neighbours at nearly the same distance may change places.
            EXPECT_NEAR(alone.distances[r], distance, 1e-3f * (1 + std::abs(distance)));
            const auto label = static_cast<size_t>(together.labels[q * kK + r]);
            EXPECT_THAT(visited, testing::Contains(static_cast<int64_t>(lists[label])));
        }
    }
}

TEST_P(IVFGroups, ListsOfTooFewVectorsGoToOtherGroups) {
    const auto index = made("IVF48,BQQ24z2g40");
    EXPECT_EQ(index->codec().wanted_bases(), 40u);
    EXPECT_EQ(bqq::reverse_index_factory(index.get()), "IVF48,BQQ24z2g40");
    EXPECT_GT(index->codec().bases(), kClusters);
    EXPECT_THAT(index->list_basis(), Each(Lt(index->codec().bases())));
    std::vector<size_t> sizes(index->codec().bases());
    for (size_t list = 0; list < index->nlist; ++list)
        sizes[index->list_basis()[list]] += index->get_list_size(list);
    EXPECT_THAT(sizes, Each(testing::Ge(4 * kAtoms)));
    EXPECT_EQ(search(*from_bytes(to_bytes(*index)), queries, kK), search(*index, queries, kK));
}

TEST_P(IVFGroups, AFileKeepsTheGroupsOfTheLists) {
    const auto index = made("IVF16,BQQ24g4");
    ASSERT_THAT(index->list_basis(), testing::Contains(testing::Ne(0)));
    const bqq::test::TemporaryFolder folder;
    const std::string path = folder.path() / "index";
    bqq::write_index(index.get(), path);
    for (const int flags : {0, faiss::IO_FLAG_MMAP}) {
        const std::unique_ptr<faiss::Index> read(bqq::read_index(path, flags));
        const auto& ivf = dynamic_cast<const IndexIVFBQQ&>(*read);
        EXPECT_EQ(ivf.list_basis(), index->list_basis());
        EXPECT_EQ(ivf.codec(), index->codec());
        EXPECT_EQ(search(ivf, queries, kK), search(*index, queries, kK));
    }
}

TEST_P(IVFGroups, AListOfAMissingBasisIsRefused) {
    const auto index = made("IVF16,BQQ24g3");
    ASSERT_EQ(index->codec().bases(), 3u);
    index->reset();
    std::vector<uint8_t> list_basis = index->list_basis();
    list_basis[5] = 3;
    EXPECT_THAT(
            [&] { index->set_trained(index->codec(), list_basis, index->centroid_scale()); },
            ThrowsMessage<FaissException>(HasSubstr("basis 3, there are 3")));
    list_basis.pop_back();
    EXPECT_THROW(
            index->set_trained(index->codec(), list_basis, index->centroid_scale()),
            FaissException);
    EXPECT_EQ(index->list_basis().size(), 16u);
}

TEST_P(IVFGroups, ListsGroupedOtherwiseAreNotMerged) {
    const auto index = made("IVF16,BQQ24g4");
    const std::unique_ptr<faiss::Index> other(bqq::clone_index(index.get()));
    EXPECT_NO_THROW(index->check_compatible_for_merge(*other));
    auto& ivf = dynamic_cast<IndexIVFBQQ&>(*other);
    std::vector<uint8_t> list_basis = ivf.list_basis();
    list_basis[7] ^= 1;
    ivf.reset();
    ivf.set_trained(ivf.codec(), list_basis, ivf.centroid_scale());
    EXPECT_THAT(
            [&] { index->merge_from(*other, 0); },
            ThrowsMessage<FaissException>(HasSubstr("trained differently")));
    EXPECT_EQ(index->ntotal, kVectors);
}

TEST_P(IVFGroups, CodesOfAMissingListAreRefused) {
    const auto index = made("IVF16,BQQ24g4");
    const std::vector<uint8_t> code(index->code_size);
    std::vector<float> decoded(kDimension);
    const idx_t list = 16;
    EXPECT_THAT(
            [&] { index->decode_vectors(1, code.data(), &list, decoded.data()); },
            ThrowsMessage<FaissException>(HasSubstr("list 16 of 16")));
}

TEST_P(IVFGroups, AFailedTrainingLeavesTheGroups) {
    const auto index = made("IVF16,BQQ24g4");
    const auto list_basis = index->list_basis();
    const bqq::Quantizer before = index->codec();
    index->reset();
    index->training.seed = 5; // would group the lists otherwise
    index->training.max_points_per_atom = 0;
    EXPECT_THROW(index->train(kVectors, x.data()), FaissException);
    EXPECT_EQ(index->list_basis(), list_basis);
    EXPECT_EQ(index->codec(), before);
}

TEST(IVFGroupsFactory, NumbersOfGroupsOutOfRangeAreNamed) {
    for (const auto& [description, value] : std::vector<std::pair<std::string, std::string>>{
                 {"IVF16,BQQ24g0", "cannot read \"BQQ24g0\""}, {"IVF16,BQQ24z3g257", "257"}})
        EXPECT_THAT(
                [&text = description] { bqq::index_factory(kDimension, text); },
                ThrowsMessage<FaissException>(HasSubstr(value)));
}

TEST(IVFGroupsFactory, StringsComeBack) {
    for (const std::string description :
         {"IVF16,BQQ24g4", "IVF16,BQQ24z3g16", "PCA8,IVF16_HNSW8,BQQ24z8g2", "IVF16,BQQ24g256",
          "IVF16,BQQ24g"}) {
        const std::unique_ptr<faiss::Index> index(bqq::index_factory(kDimension, description));
        EXPECT_EQ(bqq::reverse_index_factory(index.get()), description);
    }
}

} // namespace ivf_groups_test
