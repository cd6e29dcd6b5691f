#include <bqq/index/index_io.h>

#include "index_bytes.h"
#include "io/digest.h"
#include "io/file_size_limit.h"
#include "random_data.h"
#include "search_results.h"
#include "temporary_folder.h"

#include <bqq/index/IndexBQQ.h>
#include <bqq/index/IndexIVFBQQ.h>
#include <bqq/index/index_factory.h>
#include <faiss/IndexFlat.h>
#include <faiss/IndexIDMap.h>
#include <faiss/IndexPreTransform.h>
#include <faiss/IndexRefine.h>
#include <faiss/IndexReplicas.h>
#include <faiss/IndexShards.h>
#include <faiss/impl/FaissException.h>
#include <faiss/impl/IDSelector.h>
#include <faiss/index_io.h>
#include <faiss/invlists/OnDiskInvertedLists.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <typeinfo>
#include <vector>

namespace index_io_test {

using bqq::test::from_bytes;
using bqq::test::to_bytes;

namespace fs = std::filesystem;
using bqq::idx_t;
using bqq::IndexBQQ;
using bqq::test::FileSizeLimit;
using bqq::test::gaussian_vectors;
using bqq::test::search;
using faiss::FaissException;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr int kDimension = 8;
constexpr int64_t kVectors = 200;

std::unique_ptr<faiss::Index> make(
        const std::string& description, faiss::MetricType metric = faiss::METRIC_L2) {
    return bqq::index_factory(kDimension, description, metric);
}

/// Adds x, with the ids first, first + 7, ... where the index wants ids.
void add(faiss::Index& index, const std::vector<float>& x, int64_t first) {
    const auto n = static_cast<int64_t>(x.size()) / kDimension;
    if (dynamic_cast<faiss::IndexIDMap*>(&index) == nullptr) return index.add(n, x.data());
    std::vector<int64_t> ids;
    for (int64_t i = 0; i < n; ++i) ids.push_back(first + 7 * i);
    index.add_with_ids(n, x.data(), ids.data());
}

std::unique_ptr<faiss::Index> filled(
        const std::string& description, faiss::MetricType metric = faiss::METRIC_L2,
        int64_t n = kVectors) {
    auto index = make(description, metric);
    const std::vector<float> x = gaussian_vectors(kVectors, kDimension, 1);
    index->train(kVectors, x.data());
    add(*index, {x.begin(), x.begin() + n * kDimension}, 5);
    return index;
}

std::unique_ptr<faiss::Index> read(const std::string& path) {
    return bqq::read_index(path);
}

std::string contents(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

void expect_same(const faiss::Index& index, const faiss::Index& again) {
    EXPECT_EQ(again.d, index.d);
    EXPECT_EQ(again.ntotal, index.ntotal);
    EXPECT_EQ(again.metric_type, index.metric_type);
    EXPECT_EQ(again.is_trained, index.is_trained);
    const std::vector<float> queries = gaussian_vectors(20, kDimension, 2);
    EXPECT_EQ(search(again, queries, 10), search(index, queries, 10));
}

class IndexIo : public bqq::test::FolderTest {};

class Composition : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(
        IndexIo, Composition,
        testing::Values(
                "BQQ24", "BQQ24z3", "BQQ24g3", "BQQ24t", "BQQ48f", "BQQ24z2tg2", "IVF4,BQQ24t",
                "BQQ24z2g2", "BQQ24g", "BQQ24z2g", "PCA4,BQQ24g2", "BQQ1", "BQQ3x7z16",
                "PCA4,BQQ24", "RR8,BQQ24", "L2norm,BQQ24", "IDMap,BQQ24", "IDMap2,BQQ24",
                "IDMap2,PCA4,BQQ24", "BQQ24,RFlat", "PCA4,BQQ24,RFlat", "Flat", "SQ8",
                "IDMap2,Flat", "IVF4,BQQ24", "IVF4_HNSW4,BQQ24", "IVF8(IVF2,Flat),BQQ24",
                "IDMap2,PCA4,IVF4,BQQ24", "IVF4,BQQ24,RFlat", "IVF4,BQQ24,Refine(SQ8)",
                "IVF4,BQQ24,Refine(BQQ40)"),
        [](const auto& test) {
            std::string name = test.param;
            for (char& c : name)
                if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
            return name;
        });

TEST_P(Composition, SearchesTheSameAfterARoundTrip) {
    for (const faiss::MetricType metric : {faiss::METRIC_L2, faiss::METRIC_INNER_PRODUCT}) {
        const auto index = filled(GetParam(), metric);
        const std::string bytes = to_bytes(*index);
        const auto again = from_bytes(bytes);
        expect_same(*index, *again);
        EXPECT_EQ(to_bytes(*again), bytes);
        // FAISS reads an IndexFlat as one of its subclasses.
        EXPECT_TRUE(!bytes.starts_with("BQQX") || typeid(*again) == typeid(*index));
    }
}

TEST_P(Composition, CanBeTrainedAfterAnUntrainedRoundTrip) {
    const std::vector<float> x = gaussian_vectors(kVectors, kDimension, 1);
    const auto again = from_bytes(to_bytes(*make(GetParam())));
    again->train(kVectors, x.data());
    EXPECT_TRUE(again->is_trained);
    const auto index = make(GetParam());
    index->train(kVectors, x.data());
    add(*index, x, 5);
    add(*again, x, 5);
    expect_same(*index, *again);
}

TEST_P(Composition, GrowsAfterARoundTrip) {
    const std::vector<float> x = gaussian_vectors(100, kDimension, 3);
    const auto index = filled(GetParam());
    const auto again = from_bytes(to_bytes(*index));
    add(*index, x, 10000);
    add(*again, x, 10000);
    expect_same(*index, *again);
}

TEST_P(Composition, EveryTruncatedFileIsRefused) {
    const std::string bytes = to_bytes(*filled(GetParam(), faiss::METRIC_L2, 20));
    for (size_t size = 0; size < bytes.size(); size += size < 64 ? 1 : 7)
        ASSERT_THROW(from_bytes(bytes.substr(0, size)), FaissException)
                << "the first " << size << " of " << bytes.size() << " bytes";
    ASSERT_THROW(from_bytes(bytes.substr(0, bytes.size() - 1)), FaissException);
}

TEST_F(IndexIo, KeepsTheQuantizer) {
    const auto index = filled("BQQ24z3");
    bqq::write_index(index.get(), path("a"));
    const auto again = read(path("a"));
    const auto& ours = dynamic_cast<const IndexBQQ&>(*index);
    const auto& theirs = dynamic_cast<const IndexBQQ&>(*again);
    EXPECT_EQ(theirs.codec().M(), 24u);
    EXPECT_EQ(theirs.codec().depth(), 3);
    EXPECT_EQ(theirs.codec(), ours.codec());
    EXPECT_EQ(bqq::test::codes_of(theirs), bqq::test::codes_of(ours));
}

TEST_F(IndexIo, KeepsIdsAndRefinement) {
    const auto map = from_bytes(to_bytes(*filled("IDMap2,BQQ24")));
    EXPECT_EQ(dynamic_cast<faiss::IndexIDMap2&>(*map).id_map.at(3), 26);
    std::vector<float> vector(kDimension);
    EXPECT_NO_THROW(map->reconstruct(26, vector.data()));
    const auto code = make("BQQ24");
    faiss::IndexRefineFlat refine(code.get());
    bqq::test::train_and_add(refine, gaussian_vectors(kVectors, kDimension, 1));
    refine.k_factor = 4;
    const auto again = from_bytes(to_bytes(refine));
    EXPECT_EQ(dynamic_cast<faiss::IndexRefineFlat&>(*again).k_factor, 4);
    expect_same(refine, *again);
}

TEST_F(IndexIo, HoldsThousandsOfVectors) {
    IndexBQQ index(2, 4);
    const std::vector<float> x = gaussian_vectors(20000, 2, 1);
    index.train(100, x.data());
    index.add(20000, x.data());
    bqq::write_index(&index, path("a"));
    const auto again = read(path("a"));
    EXPECT_EQ(bqq::test::codes_of(dynamic_cast<IndexBQQ&>(*again)), bqq::test::codes_of(index));
}

TEST_F(IndexIo, TakesTheSpaceOfItsCodesAndPlanes) {
    IndexBQQ index(kDimension, 24);
    const std::vector<float> x = gaussian_vectors(5000, kDimension, 1);
    index.train(200, x.data());
    index.add(5000, x.data());
    const size_t planes = 24 * 8 * (kDimension / 8 + sizeof(float));
    EXPECT_LT(to_bytes(index).size(), 5000 * index.sa_code_size() + planes + 200);
}

TEST_F(IndexIo, ReadsAFileThatFaissWrote) {
    for (const char* description : {"Flat", "PCA4,SQ8", "IDMap2,Flat", "IVF4,Flat"}) {
        const auto index = filled(description);
        faiss::write_index(index.get(), path("a").c_str());
        expect_same(*index, *read(path("a")));
        expect_same(*index, *bqq::read_index(path("a"), faiss::IO_FLAG_MMAP));
        bqq::write_index(index.get(), path("b"));
        EXPECT_EQ(contents(path("b")), contents(path("a")));
    }
}

/// Two parts that hold half of the vectors each, or all of them.
template <class Threaded>
std::unique_ptr<faiss::Index> in_parts(bool copies) {
    auto index = std::make_unique<Threaded>(kDimension);
    const std::vector<float> x = gaussian_vectors(kVectors, kDimension, 1);
    for (int i = 0; i < 2; ++i) {
        auto part = make("IVF4,BQQ24");
        part->train(kVectors, x.data());
        const idx_t half = kVectors / 2;
        if (copies)
            part->add(kVectors, x.data());
        else
            part->add(half, x.data() + i * half * kDimension);
        index->addIndex(part.release());
    }
    bqq::own_parts(*index);
    return index;
}

TEST_F(IndexIo, ShardsAndReplicasSearchTheSame) {
    const auto shards = in_parts<faiss::IndexShards>(false);
    EXPECT_EQ(shards->ntotal, kVectors);
    expect_same(*shards, *from_bytes(to_bytes(*shards)));
    const auto replicas = in_parts<faiss::IndexReplicas>(true);
    expect_same(*replicas, *from_bytes(to_bytes(*replicas)));
}

// FAISS refuses a replica when it has taken it over.
TEST_F(IndexIo, ReplicasThatDifferAreRefused) {
    const auto replicas = in_parts<faiss::IndexReplicas>(true);
    auto& second = *dynamic_cast<faiss::IndexReplicas&>(*replicas).at(1);
    second.add(1, gaussian_vectors(1, kDimension, 3).data());
    const std::string bytes = to_bytes(*replicas);
    EXPECT_THROW(from_bytes(bytes), FaissException);
    EXPECT_THROW(bqq::clone_index(replicas.get()), FaissException);
}

/// Not among the compositions: two graphs that grow apart differ, their random levels are not
/// written.
TEST_F(IndexIo, AGraphSearchesTheSameAfterARoundTrip) {
    for (const faiss::MetricType metric : {faiss::METRIC_L2, faiss::METRIC_INNER_PRODUCT}) {
        const auto index = filled("HNSW8,BQQ24", metric);
        const std::string bytes = to_bytes(*index);
        expect_same(*index, *from_bytes(bytes));
        EXPECT_EQ(to_bytes(*from_bytes(bytes)), bytes);
        EXPECT_THROW(from_bytes(bytes.substr(0, bytes.size() / 2)), FaissException);
    }
}

TEST_F(IndexIo, ClonesShareNothing) {
    for (const char* description : {"IVF4,BQQ24", "PCA4,BQQ24", "HNSW8,BQQ24"}) {
        const auto index = filled(description);
        const auto copy = bqq::clone_index(index.get());
        expect_same(*index, *copy);
        copy->reset();
        EXPECT_EQ(index->ntotal, kVectors);
        EXPECT_EQ(search(*index, gaussian_vectors(1, kDimension, 2), 1).labels[0] >= 0, true);
    }
}

/// Not a default among them.
void change_settings(faiss::Index& index) {
    index.verbose = true;
    const auto change = [](auto& ours) {
        ours.query_bits = 6;
        ours.margin = 1.5f;
        ours.training.seed = 77;
        ours.training.rounds = 5;
        ours.training.basis_share = 0.4;
        ours.training.max_points_per_atom = 100;
    };
    if (auto* flat = dynamic_cast<IndexBQQ*>(&index)) {
        flat->leave_early = false;
        return change(*flat);
    }
    auto& ivf = dynamic_cast<bqq::IndexIVFBQQ&>(index);
    change(ivf);
    ivf.nprobe = 3;
    ivf.max_codes = 1000;
    ivf.cp.niter = 7;
    ivf.cp.seed = 99;
    ivf.cp.max_points_per_centroid = 50;
    ivf.cp.spherical = true;
}

void expect_changed_settings(const faiss::Index& index) {
    EXPECT_TRUE(index.verbose);
    const auto expect = [](const auto& ours) {
        EXPECT_EQ(ours.query_bits, 6);
        EXPECT_EQ(ours.margin, 1.5f);
        EXPECT_EQ(ours.training.seed, 77u);
        EXPECT_EQ(ours.training.rounds, 5);
        EXPECT_EQ(ours.training.basis_share, 0.4);
        EXPECT_EQ(ours.training.max_points_per_atom, 100u);
    };
    if (const auto* flat = dynamic_cast<const IndexBQQ*>(&index)) {
        EXPECT_FALSE(flat->leave_early);
        return expect(*flat);
    }
    const auto& ivf = dynamic_cast<const bqq::IndexIVFBQQ&>(index);
    expect(ivf);
    EXPECT_EQ(ivf.nprobe, 3u);
    EXPECT_EQ(ivf.max_codes, 1000u);
    EXPECT_EQ(ivf.cp.niter, 7);
    EXPECT_EQ(ivf.cp.seed, 99);
    EXPECT_EQ(ivf.cp.max_points_per_centroid, 50);
    EXPECT_TRUE(ivf.cp.spherical);
}

TEST_F(IndexIo, ClonesAndFilesKeepTheSettings) {
    for (const char* description : {"BQQ24", "BQQ24g", "IVF4,BQQ24", "IVF4,BQQ24g2"})
        for (const bool trained : {false, true}) {
            SCOPED_TRACE(testing::Message() << description << " trained " << trained);
            const auto index = trained ? filled(description) : make(description);
            change_settings(*index);
            expect_changed_settings(*bqq::clone_index(index.get()));
            expect_changed_settings(*from_bytes(to_bytes(*index)));
        }
}

TEST_F(IndexIo, IndexesInsideEachOtherHaveALimit) {
    std::vector<std::unique_ptr<faiss::IndexPreTransform>> wrappers;
    const auto code = filled("BQQ24");
    faiss::Index* outermost = code.get();
    for (int i = 1; i < 16; ++i) {
        wrappers.push_back(std::make_unique<faiss::IndexPreTransform>(outermost));
        outermost = wrappers.back().get();
    }
    const std::string bytes = to_bytes(*outermost);
    expect_same(*code, *from_bytes(bytes));
    faiss::IndexPreTransform one_more(outermost);
    EXPECT_THAT(
            [&] { to_bytes(one_more); },
            ThrowsMessage<FaissException>(HasSubstr("16 indexes inside each other")));
    // Before version 8 no head comes first. Tag, dimension and number of transforms of each:
    std::string deep = "BQQX" + std::string("\7\0\0\0", 4);
    for (int i = 0; i < 1000; ++i) deep += std::string("\2\10\0\0\0\0\0\0\0", 1 + 4 + 4);
    EXPECT_THAT(
            [&] { from_bytes(deep); },
            ThrowsMessage<FaissException>(HasSubstr("16 indexes inside each other")));
}

TEST_F(IndexIo, AnIdMapOverAnInvertedFileIsNotWritten) {
    const auto ivf = make("IVF4,BQQ24");
    ivf->train(kVectors, gaussian_vectors(kVectors, kDimension, 1).data());
    const faiss::IndexIDMap2 map_of_ids(ivf.get());
    EXPECT_THAT(
            [&] { to_bytes(map_of_ids); },
            ThrowsMessage<FaissException>(HasSubstr("use the inverted file")));
}

/// The file of an id map over an inverted file, as no version since 5 writes it.
std::string id_map_over(const std::string& ivf, bool both_ways, const std::vector<idx_t>& ids) {
    const auto as_bytes = [](const auto* values, size_t n) {
        return std::string(reinterpret_cast<const char*>(values), n * sizeof *values);
    };
    const auto digest_of = [&](const std::string& bytes) {
        bqq::Digest digest;
        digest.update(bytes.data(), bytes.size());
        const uint64_t value = digest.value();
        return as_bytes(&value, 1);
    };
    // Of version 8: the head's size in two bytes, its tag and contents, digest, zeros, lists.
    const auto byte = [&](size_t i) { return static_cast<size_t>(static_cast<uint8_t>(ivf[i])); };
    const size_t head = 4 + 4 + 1 + 2, head_size = (byte(9) & 127) + 128 * byte(10);
    const size_t lists = (head + head_size + 8 + 63) / 64 * 64;
    const std::string ivf_contents = ivf.substr(head + 1, head_size - 1);
    // Before: the id map, the tag, the contents with their size and digest, lists.
    const uint64_t size = ids.size();
    const auto varint = {
            static_cast<char>((head_size - 1) | 128), static_cast<char>((head_size - 1) >> 7)};
    std::string bytes = "BQQX" + std::string("\7\0\0\0", 4) + (both_ways ? '\4' : '\3') +
                        as_bytes(&size, 1) + as_bytes(ids.data(), size) + ivf[head] +
                        std::string(varint) + ivf_contents + digest_of(ivf_contents) +
                        ivf.substr(lists, ivf.size() - lists - 8);
    return bytes + digest_of(bytes);
}

// What a removal leaves: the map has closed the gap among its ids, the lists keep their positions.
TEST_F(IndexIo, AnIdMapOverAnInvertedFileIsReadAsTheInvertedFile) {
    for (const bool both_ways : {false, true})
        for (const int removed : {0, 20}) {
            SCOPED_TRACE(testing::Message() << both_ways << ", removed " << removed);
            const auto ivf = filled("IVF4,BQQ24");
            dynamic_cast<bqq::IndexIVFBQQ&>(*ivf).set_direct_map_type(faiss::DirectMap::Hashtable);
            ivf->remove_ids(faiss::IDSelectorRange(50, 50 + removed));
            std::vector<idx_t> ids;
            for (idx_t i = 0; i < kVectors; ++i)
                if (i < 50 || i >= 50 + removed) ids.push_back(1000 + 7 * i);
            const std::string file = write("a", id_map_over(to_bytes(*ivf), both_ways, ids));
            for (const int flags : {0, int{faiss::IO_FLAG_MMAP}}) {
                const auto again = bqq::read_index(file, flags);
                EXPECT_EQ(typeid(*again), typeid(*ivf));
                const std::vector<float> queries = gaussian_vectors(20, kDimension, 2);
                bqq::test::Results expected = search(*ivf, queries, 10);
                for (idx_t& label : expected.labels)
                    if (label >= 0) label = 1000 + 7 * label;
                EXPECT_EQ(search(*again, queries, 10), expected);
                std::vector<float> x(kDimension);
                std::vector<float> y(kDimension);
                ivf->reconstruct(100, x.data());
                again->reconstruct(1700, y.data());
                EXPECT_EQ(x, y);
                EXPECT_EQ(again->remove_ids(faiss::IDSelectorRange(1000, 1001)), 1u);
            }
            ids.pop_back();
            EXPECT_THROW(from_bytes(id_map_over(to_bytes(*ivf), both_ways, ids)), FaissException);
        }
}

std::unique_ptr<faiss::Index> map(const std::string& path) {
    return bqq::read_index(path, faiss::IO_FLAG_MMAP);
}

TEST_F(IndexIo, MappedListsSearchTheSameAndStayAsTheyAre) {
    for (const char* description :
         {"IVF4,BQQ24", "IDMap2,PCA4,IVF4,BQQ24", "IVF4,BQQ24,RFlat", "BQQ24"}) {
        const auto index = filled(description);
        bqq::write_index(index.get(), path("a"));
        const auto mapped = map(path("a"));
        expect_same(*index, *mapped);
        if (std::string(description) != "IVF4,BQQ24") continue;
        const std::vector<float> x = gaussian_vectors(1, kDimension, 3);
        EXPECT_THAT(
                [&] { mapped->add(1, x.data()); },
                ThrowsMessage<FaissException>(HasSubstr("read-only")));
        EXPECT_THROW(mapped->remove_ids(faiss::IDSelectorRange(0, 5)), FaissException);
        EXPECT_THROW(filled(description)->merge_from(*mapped, 0), FaissException);
        expect_same(*index, *mapped);
        // A mapped index is written as any other.
        bqq::write_index(mapped.get(), path("b"));
        EXPECT_EQ(contents(path("b")), contents(path("a")));
    }
}

TEST_F(IndexIo, TruncatedMappedFilesAreRefused) {
    const std::string bytes = to_bytes(*filled("IVF4,BQQ24", faiss::METRIC_L2, 100));
    for (size_t size = 0; size < bytes.size(); size += 13)
        ASSERT_THROW(map(write("cut", bytes.substr(0, size))), FaissException)
                << "the first " << size << " of " << bytes.size() << " bytes";
}

TEST_F(IndexIo, FlippedBitsInTheHeadOfAMappedFileAreNoticed) {
    const std::string bytes = to_bytes(*filled("IVF4,BQQ24", faiss::METRIC_L2, 100));
    const size_t lists = 100 * (3 + 3 + 1) + 8; // codes, ids of 7 bits, digest
    for (size_t byte = 4; byte + lists + 4 < bytes.size(); byte += 5) {
        std::string broken = bytes;
        broken[byte] = static_cast<char>(broken[byte] ^ 1);
        ASSERT_THROW(map(write("broken", broken)), FaissException) << "byte " << byte;
    }
}

TEST_F(IndexIo, VerifyingLooksAtEveryByte) {
    for (const char* description : {"IVF4,BQQ24", "BQQ24,RFlat", "Flat"}) {
        const std::string bytes = to_bytes(*filled(description, faiss::METRIC_L2, 40));
        bqq::verify_index(write("whole", bytes));
        if (std::string(description) == "Flat") continue; // FAISS's files have no digest
        for (size_t i = 0; i < bytes.size(); i += 7) {
            std::string broken = bytes;
            broken[i] = static_cast<char>(broken[i] ^ 16);
            const std::string file = write("broken", broken);
            EXPECT_THAT(
                    [&] { bqq::verify_index(file); },
                    ThrowsMessage<FaissException>(HasSubstr(file)))
                    << description << ", byte " << i;
        }
    }
    EXPECT_THROW(bqq::verify_index(path("missing")), FaissException);
}

// Codes of a mapped file are not looked at; all else is, whatever holds it.
TEST_F(IndexIo, AllButTheListsOfAMappedFileIsVerified) {
    const std::pair<const char*, size_t> kinds[] = {
            {"IDMap2,BQQ24", 3 + 3}, {"IVF4,BQQ24,RFlat", 3 + 3 + 1}, {"HNSW4,BQQ24", 3 + 3}};
    for (const auto& [description, bytes_in_lists] : kinds) {
        const std::string bytes = to_bytes(*filled(description, faiss::METRIC_L2, 100));
        size_t refused = 0;
        const size_t head = bytes.size() - 100 * bytes_in_lists - 8;
        for (size_t i = 0; i < head; i += 3) {
            std::string broken = bytes;
            broken[i] = static_cast<char>(broken[i] ^ 1);
            try {
                (void)map(write("broken", broken));
            } catch (const FaissException&) {
                ++refused;
            }
        }
        EXPECT_EQ(refused, (head + 2) / 3) << description;
    }
}

TEST_F(IndexIo, OnDiskListsAreFoundAgainOrNamed) {
    const auto index = filled("IVF4,BQQ24");
    auto& ivf = dynamic_cast<bqq::IndexIVFBQQ&>(*index);
    ivf.reset();
    ivf.replace_invlists(
            new faiss::OnDiskInvertedLists(4, ivf.code_size, path("lists").c_str()), true);
    ivf.add(kVectors, gaussian_vectors(kVectors, kDimension, 1).data());
    bqq::write_index(index.get(), path("a"));
    expect_same(*index, *read(path("a")));

    // For reading alone, or not at all, if flags say so; a copy has them in memory.
    const auto on_disk = [](faiss::Index& of) {
        const auto& inside = dynamic_cast<const bqq::IndexIVFBQQ&>(of);
        return dynamic_cast<const faiss::OnDiskInvertedLists*>(inside.invlists);
    };
    EXPECT_TRUE(on_disk(*bqq::read_index(path("a"), faiss::IO_FLAG_READ_ONLY))->read_only);
    EXPECT_EQ(on_disk(*bqq::read_index(path("a"), faiss::IO_FLAG_SKIP_IVF_DATA))->ptr, nullptr);
    const auto copy = bqq::clone_index(index.get());
    EXPECT_EQ(on_disk(*copy), nullptr);
    expect_same(*index, *copy);

    fs::create_directory(path("elsewhere"));
    fs::copy(path("a"), path("elsewhere/a"));
    fs::rename(path("lists"), path("elsewhere/lists"));
    EXPECT_THAT([&] { read(path("a")); }, ThrowsMessage<FaissException>(HasSubstr("lists")));
    expect_same(*index, *bqq::read_index(path("elsewhere/a"), faiss::IO_FLAG_ONDISK_SAME_DIR));
    fs::resize_file(path("elsewhere/lists"), 100);
    EXPECT_THAT(
            [&] { bqq::read_index(path("elsewhere/a"), faiss::IO_FLAG_ONDISK_SAME_DIR); },
            ThrowsMessage<FaissException>(HasSubstr("has 100 bytes")));
}

TEST_F(IndexIo, AnInvertedFileTakesTheSpaceOfItsParts) {
    const auto index = filled("IVF4,BQQ24");
    const auto flat = filled("BQQ24");
    // Centroids in two bytes a number, ids in eight bits instead of none, sizes of the lists, the
    // head's digest.
    EXPECT_LE(
            to_bytes(*index).size(),
            to_bytes(*flat).size() + 4 * kDimension * 2 + kVectors + 4 * 5 + 100);
}

// Any change shows: in a tag, a size, a number that no quantizer has, or at last in the checksum.
TEST_F(IndexIo, EveryFlippedBitIsNoticed) {
    const std::string bytes = to_bytes(*filled("BQQ5z2", faiss::METRIC_L2, 10));
    for (size_t i = 0; i < bytes.size(); ++i)
        for (int bit = 0; bit < 8; ++bit) {
            std::string changed = bytes;
            changed[i] = static_cast<char>(changed[i] ^ (1 << bit));
            ASSERT_THROW(from_bytes(changed), FaissException)
                    << "bit " << bit << " of byte " << i << " of " << bytes.size();
        }
}

// FAISS would take any size that a wrapper's part names: a file's checksum is looked at before.
TEST_F(IndexIo, EveryFlippedBitOfAWrapperIsNoticed) {
    for (const char* description : {"PCA4,BQQ5z2", "IDMap2,BQQ5z2", "BQQ5z2,RFlat"}) {
        const std::string bytes = to_bytes(*filled(description, faiss::METRIC_L2, 10));
        for (size_t i = 0; i < bytes.size(); ++i) {
            std::string changed = bytes;
            changed[i] = static_cast<char>(changed[i] ^ (1 << (i % 8)));
            ASSERT_THROW(read(write("changed", changed)), FaissException)
                    << description << " byte " << i << " of " << bytes.size();
        }
    }
}

TEST_F(IndexIo, ForeignFilesAreRefusedByName) {
    for (const std::string bytes :
         {"", "B", "BQQX", "not an index at all, but long enough to look like one", "\x93NUMPY"}) {
        const std::string file = write("foreign", bytes);
        EXPECT_THAT([&] { read(file); }, ThrowsMessage<FaissException>(HasSubstr(file))) << bytes;
    }
}

TEST_F(IndexIo, TruncatedAndCorruptFilesAreRefusedByName) {
    const std::string bytes = to_bytes(*filled("BQQ24"));
    std::string corrupt = bytes;
    corrupt[corrupt.size() / 2] ^= 4;
    for (const std::string& wrong : {bytes.substr(0, bytes.size() / 2), corrupt}) {
        const std::string file = write("wrong", wrong);
        EXPECT_THAT([&] { read(file); }, ThrowsMessage<FaissException>(HasSubstr(file)));
    }
}

TEST_F(IndexIo, AnotherVersionIsNamed) {
    std::string bytes = to_bytes(*filled("BQQ24"));
    bytes[4] = 77;
    EXPECT_THAT(
            [&] { from_bytes(bytes); },
            ThrowsMessage<FaissException>(AllOf(HasSubstr("version"), HasSubstr("77"))));
}

TEST_F(IndexIo, MissingFilesAreNamed) {
    for (const std::string& file : {path("missing"), path("no/such/folder")})
        EXPECT_THAT([&] { read(file); }, ThrowsMessage<FaissException>(HasSubstr(file)));
    EXPECT_THROW(read(path("")), FaissException) << "a folder";
}

TEST_F(IndexIo, UnwritablePathsAreNamed) {
    const auto index = filled("BQQ24");
    for (const std::string& file :
         {path("no/such/folder"), path("."), std::string("/dev/full"), std::string("/proc/bqq")})
        EXPECT_THAT(
                [&] { bqq::write_index(index.get(), file); },
                ThrowsMessage<FaissException>(HasSubstr(file)))
                << file;
    EXPECT_THAT(names(), testing::IsEmpty());
}

TEST_F(IndexIo, AWriterThatTakesNothingIsAnError) {
    struct Full : faiss::IOWriter {
        size_t operator()(const void*, size_t, size_t) override { return 0; }
    } full;
    for (const char* description : {"BQQ24", "PCA4,BQQ24", "Flat"}) {
        const auto index = filled(description);
        EXPECT_THROW(bqq::write_index(index.get(), &full), FaissException) << description;
    }
}

TEST_F(IndexIo, OverwritesAFile) {
    const std::string file = write("a", std::string(100000, 'x'));
    const auto index = filled("BQQ24");
    bqq::write_index(index.get(), file);
    EXPECT_EQ(contents(file), to_bytes(*index));
    EXPECT_THAT(names(), ElementsAre("a"));
}

TEST_F(IndexIo, AFailedWriteLeavesTheOldFile) {
    for (const char* description : {"BQQ24", "Flat"}) {
        const auto index = filled(description);
        const std::string file = write("a", "precious");
        {
            const FileSizeLimit limit(500);
            EXPECT_THAT(
                    [&] { bqq::write_index(index.get(), file); },
                    ThrowsMessage<FaissException>(HasSubstr(file)));
        }
        EXPECT_EQ(contents(file), "precious");
        EXPECT_THAT(names(), ElementsAre("a"));
    }
}

} // namespace index_io_test
