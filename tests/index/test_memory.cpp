// What indexes hold in memory, against malloc's own count: sanitizers have none.
#include "sanitized.h"
#if !BQQ_SANITIZED

#include "base/heap_bytes.h"
#include "base/omp_threads.h"
#include "random_data.h"
#include "search_results.h"
#include "temporary_folder.h"

#include <bqq/index/IndexBQQ.h>
#include <bqq/index/IndexIVFBQQ.h>
#include <bqq/index/index_factory.h>
#include <bqq/index/index_io.h>
#include <faiss/impl/io.h>
#include <faiss/index_io.h>
#include <gtest/gtest.h>

#include <cctype>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace memory_test {

using bqq::IndexBQQ;
using bqq::IndexIVFBQQ;
using bqq::MemoryBytes;
using bqq::test::search;

constexpr int64_t kVectors = 8000;
constexpr int kDimension = 160;

const std::vector<float>& vectors() {
    static const std::vector<float> x = bqq::test::gaussian_vectors(kVectors, kDimension, 1);
    return x;
}

/// Calls f with the index, if it is ours.
template <class F>
auto with_ours(faiss::Index& index, const F& f) {
    if (auto* flat = dynamic_cast<IndexBQQ*>(&index)) return f(*flat);
    return f(dynamic_cast<IndexIVFBQQ&>(index));
}

MemoryBytes memory_bytes(faiss::Index& index) {
    return with_ours(index, [](auto& ours) { return ours.memory_bytes(); });
}

/// An index and the file that it was written to; made once for all tests.
struct Written {
    MemoryBytes bytes; ///< of the index that was written
    std::vector<uint8_t> file;
};

const Written& written(const std::string& factory) {
    static std::map<std::string, Written> made;
    Written& result = made[factory];
    if (!result.file.empty()) return result;
    const std::unique_ptr<faiss::Index> index(bqq::index_factory(kDimension, factory));
    with_ours(*index, [](auto& ours) { return ours.training.rounds = 2; });
    index->train(kVectors, vectors().data());
    index->add(kVectors / 2, vectors().data());
    for (int64_t i = kVectors / 2; i < kVectors; i += 100)
        index->add(100, vectors().data() + i * kDimension);
    result.bytes = memory_bytes(*index);
    faiss::VectorIOWriter writer;
    bqq::write_index(index.get(), &writer);
    result.file = std::move(writer.data);
    return result;
}

class Memory : public testing::TestWithParam<std::string> {
protected:
    /// Malloc counts what each thread keeps for its next call as handed out, so one thread only.
    const bqq::OmpThreads one_thread{1};
    const bqq::test::TemporaryFolder folder;
    const std::string path = folder.path() / "index";
    const std::vector<float> queries = bqq::test::gaussian_vectors(50, kDimension, 2);
    size_t before = 0;
    std::unique_ptr<faiss::Index> index;

    void SetUp() override {
        const std::vector<uint8_t>& file = written(GetParam()).file;
        std::ofstream(path, std::ios::binary)
                .write(reinterpret_cast<const char*>(file.data()), std::ssize(file));
        read(0);
        index->add(100, vectors().data()); // what a process makes once, such as its threads
        read(0);
    }

    void read(int flags) {
        index.reset();
        before = bqq::heap_bytes();
        index = std::unique_ptr<faiss::Index>(bqq::read_index(path, flags));
        search(*index, queries, 10);
    }

    /// memory_bytes() is within 10 % of what malloc has handed out since `before`.
    void expect_counted(faiss::Index& of) const {
        const auto held = static_cast<double>(bqq::heap_bytes() - before);
        EXPECT_NEAR(static_cast<double>(memory_bytes(of).total()), held, 0.1 * held);
    }
};

INSTANTIATE_TEST_SUITE_P(
        Kinds, Memory,
        testing::Values("BQQ128", "BQQ128z3g8", "BQQ32z2g16", "IVF32,BQQ128", "IVF32,BQQ128z3g8"),
        [](const auto& kind) {
            std::string name = kind.param;
            for (char& c : name)
                if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
            return name;
        });

TEST_P(Memory, IsWhatMallocSays) {
    expect_counted(*index);
    EXPECT_EQ(memory_bytes(*index).encoder, 0u);
}

TEST_P(Memory, OfGrowingIsAtMostAnEighthMore) {
    const MemoryBytes read = memory_bytes(*index);
    const MemoryBytes& grown = written(GetParam()).bytes;
    EXPECT_LE(grown.codes, read.codes + read.codes / 7);
    EXPECT_LE(grown.ids, read.ids + read.ids / 7);
}

TEST_P(Memory, OfASearchIsLittleMoreThanTheFile) {
    const double held = static_cast<double>(bqq::heap_bytes() - before);
    EXPECT_LE(held, 1.25 * static_cast<double>(std::filesystem::file_size(path)) + 2e6);
}

TEST_P(Memory, OfTheEncoderComesWithAddingAndCanBeReleased) {
    const MemoryBytes searching = memory_bytes(*index);
    index->add(200, vectors().data());
    EXPECT_GT(memory_bytes(*index).encoder, 0u);
    expect_counted(*index);
    with_ours(*index, [](auto& ours) { return ours.release_encoder(), 0; });
    EXPECT_EQ(memory_bytes(*index).encoder, 0u);
    expect_counted(*index);
    EXPECT_EQ(memory_bytes(*index).bases, searching.bases);
}

TEST_P(Memory, OfAMappedIndexIsInTheFile) {
    read(faiss::IO_FLAG_MMAP);
    expect_counted(*index);
}

} // namespace memory_test

#endif
