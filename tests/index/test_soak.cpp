// Memory does not grow with what was done before.
#include "random_data.h"
#include "search_results.h"
#include "temporary_folder.h"

#include <bqq/index/ConcurrentIndex.h>
#include <bqq/index/index_factory.h>
#include <bqq/index/index_io.h>
#include <faiss/impl/IDSelector.h>
#include <faiss/index_io.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <numeric>
#include <string>
#include <vector>

namespace soak_test {

using bqq::idx_t;

class Soak : public bqq::test::FolderTest {
protected:
    static constexpr int kD = 24;
    static constexpr idx_t kVectors = 600;
    const std::vector<float> x = bqq::test::gaussian_vectors(kVectors, kD, 1);

    /// Everything once: trains, adds, searches, removes, saves, reads and maps.
    void use(const std::string& factory) const {
        const std::string path = folder_ / "index";
        auto index = bqq::index_factory(kD, factory);
        bqq::test::train_and_add(*index, x);
        (void)bqq::test::search(*index, x, 5);
        bqq::write_index(index.get(), path);
        if (!factory.starts_with("HNSW"))
            index->remove_ids(faiss::IDSelectorRange(0, kVectors / 3));
        index = bqq::read_index(path);
        index->add(kVectors, x.data());
        index = bqq::read_index(path, faiss::IO_FLAG_MMAP);
        (void)bqq::test::search(*index, x, 5);
        EXPECT_THROW(index->search(1, x.data(), 0, nullptr, nullptr), faiss::FaissException);
        std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
        EXPECT_THROW((void)bqq::read_index(path), faiss::FaissException);
        if (factory.starts_with("HNSW")) return;
        index = bqq::index_factory(kD, factory);
        index->train(kVectors, x.data());
        bqq::ConcurrentIndex changing(std::move(index));
        std::vector<idx_t> ids(kVectors);
        std::iota(ids.begin(), ids.end(), idx_t{0});
        for (idx_t i = 0; i < kVectors; i += 100)
            changing.add(100, x.data() + i * kD, ids.data() + i);
        changing.remove(50, ids.data());
        changing.compact();
    }
};

/// BQQ_SOAK_SECONDS is for how long; without it a few rounds.
TEST_F(Soak, MemoryStaysWhatItIs) {
    const std::vector<std::string> factories{"BQQ32", "BQQ24g3", "IVF8,BQQ32", "HNSW8,BQQ32"};
    const char* seconds = std::getenv("BQQ_SOAK_SECONDS");
    const auto start = std::chrono::steady_clock::now();
    const auto limit = std::chrono::duration<double>(seconds == nullptr ? 0 : std::atof(seconds));
    constexpr int kWarmUp = 3, kLeast = 3;
    size_t before = 0, most = 0;
    int rounds = 0;
    for (; rounds < kWarmUp + kLeast || std::chrono::steady_clock::now() - start < limit;
         ++rounds) {
        for (const std::string& factory : factories) use(factory);
        const size_t now = ::mallinfo2().uordblks + ::mallinfo2().hblkhd;
        if (rounds < kWarmUp)
            before = std::max(before, now);
        else
            most = std::max(most, now);
    }
    // Threads of OpenMP and their rooms come and go.
    constexpr size_t kOfThreads = 200'000;
    EXPECT_LT(most, before + kOfThreads) << "after " << rounds << " rounds";
    RecordProperty("rounds", rounds);
}

} // namespace soak_test
