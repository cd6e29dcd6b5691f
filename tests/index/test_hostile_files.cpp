// Index files as someone who means harm would make them: any bytes, with right digests.
#include "failing_allocator.h"
#include "fuzz/index_file.h"
#include "random_data.h"
#include "temporary_folder.h"

#include <bqq/index/IndexIVFBQQ.h>
#include <bqq/index/index_factory.h>
#include <bqq/index/index_io.h>
#include <faiss/IndexIDMap.h>
#include <faiss/IndexRefine.h>
#include <faiss/IndexShards.h>
#include <faiss/impl/FaissException.h>
#include <faiss/impl/io.h>
#include <faiss/index_io.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

namespace hostile_files_test {

using bqq::test::Bytes;
using bqq::test::gaussian_vectors;
using bqq::test::read_and_use;
using bqq::test::repair_digests;
using testing::HasSubstr;

constexpr int kDimension = 8;
constexpr int64_t kVectors = 24;

Bytes to_bytes(const faiss::Index& index) {
    faiss::VectorIOWriter writer;
    bqq::write_index(&index, &writer);
    return writer.data;
}

Bytes file_of(const std::string& factory) {
    const bool shards = factory == "shards";
    const auto index = bqq::index_factory(kDimension, shards ? "BQQ12" : factory, faiss::METRIC_L2);
    const std::vector<float> x = gaussian_vectors(300, kDimension, 1);
    index->train(300, x.data());
    if (dynamic_cast<faiss::IndexIDMap*>(index.get()) != nullptr) {
        std::vector<int64_t> ids;
        for (int64_t i = 0; i < kVectors; ++i) ids.push_back(50 + 7 * i);
        index->add_with_ids(kVectors, x.data(), ids.data());
    } else {
        index->add(kVectors, x.data());
    }
    if (auto* ivf = dynamic_cast<bqq::IndexIVFBQQ*>(index.get()))
        ivf->set_direct_map_type(faiss::DirectMap::Array);
    if (!shards) return to_bytes(*index);
    faiss::IndexShards both(kDimension);
    both.successive_ids = true;
    const auto again = bqq::clone_index(index.get());
    both.addIndex(index.get());
    both.addIndex(again.get());
    return to_bytes(both);
}

class HostileFiles : public testing::TestWithParam<const char*> {
protected:
    const Bytes file = file_of(GetParam());
    /// All bytes are changed where BQQ_EXHAUSTIVE is set, else a part.
    static inline const bool exhaustive = std::getenv("BQQ_EXHAUSTIVE") != nullptr;
    const size_t step = exhaustive ? 1 : std::max<size_t>(1, file.size() / 150);
    static inline size_t files = 0;

    static void TearDownTestSuite() {
        if (exhaustive) std::cout << files << " changed files did no harm\n";
    }

    template <class Use>
    void change_each_byte(const Use& use) const {
        for (size_t i = 0; i < file.size(); i += step)
            for (const int change : {0x01, 0x80, 0xff}) {
                Bytes changed = file;
                changed[i] = static_cast<uint8_t>(changed[i] ^ change);
                SCOPED_TRACE(
                        testing::Message()
                        << "byte " << i << " of " << file.size() << " ^ " << change);
                use(changed);
                ++files;
            }
    }
};

INSTANTIATE_TEST_SUITE_P(
        Kinds, HostileFiles,
        testing::Values(
                "BQQ12", "BQQ12z3", "BQQ4g3", "BQQ12t", "IVF4,BQQ12", "IVF4,BQQ4z2g2",
                "IVF4_HNSW4,BQQ12", "IVF8(IVF2,Flat),BQQ12", "HNSW4,BQQ12", "HNSW4,BQQ4g2",
                "IDMap,BQQ12", "IDMap2,BQQ12", "PCA4,BQQ12", "OPQ2_8,BQQ12", "RR8,BQQ12",
                "L2norm,BQQ12", "BQQ12,RFlat", "BQQ12,Refine(SQ8)", "BQQ12,Refine(PQ4x4)",
                "BQQ12,Refine(PQ4x4fs)", "BQQ8,Refine(BQQ12)", "IVF4,BQQ12,RFlat", "shards"),
        [](const auto& kind) {
            std::string name = kind.param;
            for (char& c : name)
                if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
            return name;
        });

TEST_P(HostileFiles, AreReadWithoutAnyChange) {
    ASSERT_TRUE(read_and_use(file));
    Bytes same = file;
    repair_digests(same);
    EXPECT_EQ(same, file);
}

TEST_P(HostileFiles, WithWrongDigestsAreRefused) {
    change_each_byte([](const Bytes& changed) { EXPECT_FALSE(read_and_use(changed)); });
}

TEST_P(HostileFiles, WithRightDigestsDoNoHarm) {
    size_t read = 0;
    change_each_byte([&](Bytes& changed) {
        repair_digests(changed);
        EXPECT_NO_THROW(read += read_and_use(changed) && changed != file);
    });
    EXPECT_GT(read, 0u); // such as those with other codes
}

TEST_P(HostileFiles, DoNoHarmMapped) {
    const bqq::test::TemporaryFolder folder;
    const std::string path = folder.path() / "changed";
    change_each_byte([&](Bytes& changed) {
        repair_digests(changed);
        std::ofstream(path, std::ios::binary)
                .write(reinterpret_cast<const char*>(changed.data()), std::ssize(changed));
        EXPECT_NO_THROW(read_and_use(path, faiss::IO_FLAG_MMAP, changed.size()));
    });
}

TEST_P(HostileFiles, CutAtAnyLengthAreRefused) {
    for (size_t size = 0; size < file.size(); size += step) {
        Bytes cut(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size));
        EXPECT_FALSE(read_and_use(cut)) << size;
        ++files;
        if (size < 30) continue;
        repair_digests(cut);
        EXPECT_FALSE(read_and_use(cut)) << size << ", with right digests";
    }
}

/// Where the head of a file begins and ends: its size, in one or two bytes, is after the magic
/// number, the version and no features.
struct HeadPlace {
    explicit HeadPlace(const Bytes& file) {
        const bool two_bytes = file[kSize] >= 128;
        begin = kSize + (two_bytes ? 2 : 1);
        end = begin + (file[kSize] & 127u) + (two_bytes ? 128u * file[kSize + 1] : 0u);
    }
    static constexpr std::ptrdiff_t kSize = 4 + 4 + 1;
    std::ptrdiff_t begin, end;
};

/// After the head, its digest and zeros.
std::ptrdiff_t begin_of_lists(std::ptrdiff_t end_of_head) {
    return (end_of_head + 8 + 63) / 64 * 64;
}

Bytes head_of(const Bytes& file) {
    const HeadPlace place(file);
    return {file.begin() + place.begin, file.begin() + place.end};
}

/// The file with another head, and right digests.
Bytes with_head(const Bytes& file, const Bytes& head) {
    Bytes result(file.begin(), file.begin() + HeadPlace::kSize);
    if (head.size() >= 128) result.push_back(static_cast<uint8_t>(head.size() | 128));
    result.push_back(static_cast<uint8_t>(head.size() >= 128 ? head.size() >> 7 : head.size()));
    result.insert(result.end(), head.begin(), head.end());
    result.resize(static_cast<size_t>(begin_of_lists(std::ssize(result))));
    result.insert(result.end(), file.begin() + begin_of_lists(HeadPlace(file).end), file.end());
    repair_digests(result);
    return result;
}

std::string message_of(const Bytes& file) {
    faiss::VectorIOReader reader;
    reader.data = file;
    try {
        const bqq::test::AllocatedBytes allocated(bqq::test::allowed_bytes(file.size()));
        (void)bqq::read_index(&reader);
    } catch (const std::exception& error) {
        return error.what();
    }
    return "it is read";
}

TEST(HostileHeads, ThatAreRightAreRead) {
    for (const char* factory : {"BQQ12", "IVF4,BQQ12"}) {
        const Bytes file = file_of(factory);
        EXPECT_EQ(with_head(file, head_of(file)), file);
    }
}

TEST(HostileHeads, MemoryIsTakenOnlyForCodesThatAreThere) {
    const Bytes file = file_of("BQQ12");
    Bytes head = head_of(file);
    ASSERT_EQ(head.back(), kVectors); // the size of the only list ends the head
    head.pop_back();
    for (int i = 0; i < 5; ++i) head.push_back(128);
    head.push_back(1); // 2^35
    EXPECT_THAT(message_of(with_head(file, head)), HasSubstr("truncated"));
}

TEST(HostileHeads, MemoryIsTakenOnlyForListsThatAreThere) {
    for (const bool trained : {false, true}) {
        const Bytes file =
                trained ? file_of("IVF4,BQQ12") : to_bytes(*bqq::index_factory(8, "IVF4,BQQ12"));
        Bytes head = head_of(file);
        const Bytes nlist_and_nprobe = {4, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0};
        const auto at = std::search(
                head.begin(), head.end(), nlist_and_nprobe.begin(), nlist_and_nprobe.end());
        ASSERT_NE(at, head.end());
        at[3] = 127; // 2^31 and some
        EXPECT_THAT(
                message_of(with_head(file, head)),
                testing::AnyOf(HasSubstr("truncated"), HasSubstr("centroids")));
    }
}

TEST(HostileHeads, SurplusBytesAreRefused) {
    const Bytes file = file_of("BQQ12");
    Bytes head = head_of(file);
    head.push_back(0);
    EXPECT_THAT(message_of(with_head(file, head)), HasSubstr("longer than its contents"));
    const bqq::test::TemporaryFolder folder;
    const std::string path = folder.path() / "longer";
    std::ofstream(path, std::ios::binary)
                    .write(reinterpret_cast<const char*>(file.data()), std::ssize(file))
            << "surplus";
    for (const int flags : {0, int{faiss::IO_FLAG_MMAP}})
        EXPECT_THAT(
                [&] { (void)bqq::read_index(path, flags); },
                testing::ThrowsMessage<faiss::FaissException>(HasSubstr("bytes follow")));
}

// Labels of one part are positions in another.
TEST(HostileHeads, LabelsBeyondARefinementAreRefused) {
    const auto index = bqq::index_factory(kDimension, "IVF4,BQQ12,RFlat");
    const std::vector<float> x = gaussian_vectors(300, kDimension, 1);
    index->train(300, x.data());
    index->add(kVectors, x.data());
    auto& refine = dynamic_cast<faiss::IndexRefine&>(*index);
    auto& ivf = dynamic_cast<bqq::IndexIVFBQQ&>(*refine.base_index);
    const std::vector<int64_t> ids = {5, 1 << 20};
    ivf.reset();
    ivf.add_with_ids(2, x.data(), ids.data());
    refine.refine_index->reset();
    refine.refine_index->add(2, x.data());
    refine.ntotal = 2;
    EXPECT_THAT(
            [&] { to_bytes(*index); },
            testing::ThrowsMessage<faiss::FaissException>(HasSubstr("labels up to 1048576")));
}

} // namespace hostile_files_test
