// An index that is searched and changed at the same time.
#include "random_data.h"
#include "search_results.h"
#include "temporary_folder.h"

#include <bqq/index/ConcurrentIndex.h>
#include <bqq/index/IndexIVFBQQ.h>
#include <bqq/index/index_factory.h>
#include <bqq/index/index_io.h>
#include <faiss/IndexIDMap.h>
#include <faiss/impl/IDSelector.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

namespace concurrent_index_test {

using bqq::ConcurrentIndex;
using bqq::idx_t;
using bqq::Snapshot;
using bqq::test::gaussian_vectors;
using bqq::test::Results;

constexpr int kD = 16;
constexpr idx_t kVectors = 3000, kQueries = 8;

const std::vector<float>& base() {
    static const std::vector<float> x = gaussian_vectors(kVectors, kD, 1);
    return x;
}

const std::vector<float>& queries() {
    static const std::vector<float> x = gaussian_vectors(kQueries, kD, 2);
    return x;
}

const float* vector_of(idx_t i) {
    return base().data() + i * kD;
}

/// Trained, its searches exact and exhaustive.
std::unique_ptr<faiss::Index> trained(const std::string& factory) {
    auto index = bqq::index_factory(kD, factory);
    index->train(kVectors, base().data());
    if (auto* ivf = dynamic_cast<bqq::IndexIVFBQQ*>(index.get())) {
        ivf->nprobe = ivf->nlist;
        ivf->margin = std::numeric_limits<float>::infinity();
    } else {
        dynamic_cast<bqq::IndexBQQ&>(*index).margin = std::numeric_limits<float>::infinity();
    }
    return index;
}

Results search(
        const Snapshot& snapshot, idx_t k, const std::vector<float>& x = queries(),
        const faiss::SearchParameters* params = nullptr) {
    const auto n = static_cast<idx_t>(x.size()) / kD;
    const auto size = static_cast<size_t>(n * k);
    Results results{std::vector<float>(size), std::vector<idx_t>(size)};
    snapshot.search(n, x.data(), k, results.distances.data(), results.labels.data(), params);
    return results;
}

/// The vectors that should be there: which row of base() an id has.
using Model = std::map<idx_t, idx_t>;

/// What a serial index of these vectors finds.
Results serial(const faiss::Index& empty, const Model& model, idx_t k) {
    const auto index = bqq::clone_index(&empty);
    std::vector<idx_t> ids;
    std::vector<float> x;
    for (const auto& [id, row] : model) {
        ids.push_back(id);
        x.insert(x.end(), vector_of(row), vector_of(row) + kD);
    }
    const bool keeps_ids = dynamic_cast<const bqq::IndexIVFBQQ*>(index.get()) != nullptr;
    if (keeps_ids)
        index->add_with_ids(static_cast<idx_t>(ids.size()), x.data(), ids.data());
    else
        index->add(static_cast<idx_t>(ids.size()), x.data());
    Results results = bqq::test::search(*index, queries(), k);
    if (!keeps_ids)
        for (idx_t& label : results.labels)
            if (label >= 0) label = ids[static_cast<size_t>(label)];
    return results;
}

class ConcurrentIndexOf : public testing::TestWithParam<std::string> {
protected:
    const std::unique_ptr<faiss::Index> empty = trained(GetParam());
    ConcurrentIndex index{bqq::clone_index(empty.get())};
    Model model;

    void add(idx_t first, idx_t n, idx_t first_row) {
        std::vector<idx_t> ids;
        for (idx_t i = 0; i < n; ++i) {
            ids.push_back(first + i);
            model[first + i] = first_row + i;
        }
        index.update(n, vector_of(first_row), ids.data());
    }
    void remove(idx_t first, idx_t n, idx_t step) {
        std::vector<idx_t> ids;
        size_t count = 0;
        for (idx_t i = 0; i < n; ++i) {
            ids.push_back(first + i * step);
            count += model.erase(ids.back());
        }
        EXPECT_EQ(index.remove(n, ids.data()), count);
    }
    void check() const {
        EXPECT_EQ(index.ntotal(), static_cast<idx_t>(model.size()));
        for (const idx_t k : {1, 10}) {
            const Results wanted = serial(*empty, model, k);
            EXPECT_EQ(search(index.snapshot(), k), wanted);
        }
    }
};

INSTANTIATE_TEST_SUITE_P(
        Kinds, ConcurrentIndexOf, testing::Values("BQQ32", "BQQ24g3", "IVF8,BQQ32", "IVF8,BQQ24g2"),
        [](const auto& kind) {
            std::string name = kind.param;
            std::replace(name.begin(), name.end(), ',', '_');
            return name;
        });

TEST_P(ConcurrentIndexOf, FindsWhatASerialIndexFinds) {
    check();
    add(0, 500, 0);
    check();
    for (idx_t i = 0; i < 20; ++i) add(600 + 10 * i, 7, 500 + 7 * i);
    check();
    remove(3, 150, 3);
    check();
    add(100, 300, 1000); // other vectors for ids that are there
    check();
    remove(0, 700, 1);
    check();
    index.compact();
    EXPECT_EQ(index.snapshot().parts(), 1u);
    check();
    add(5000, 1, 2000);
    check();
    remove(0, 10000, 1);
    EXPECT_EQ(index.ntotal(), 0);
    check();
    add(1, 100, 5);
    check();
}

TEST_P(ConcurrentIndexOf, ASnapshotStays) {
    add(0, 300, 0);
    const Snapshot before = index.snapshot();
    const Results wanted = search(before, 10);
    remove(0, 200, 1);
    add(400, 300, 400);
    index.compact();
    EXPECT_EQ(search(before, 10), wanted);
    EXPECT_EQ(before.ntotal(), 300);
    check();
}

TEST_P(ConcurrentIndexOf, IsSavedAsOneIndexAndReadAgain) {
    const bqq::test::TemporaryFolder folder;
    const std::string path = folder.path() / "index";
    add(7, 300, 0);
    remove(9, 50, 4);
    add(1000, 30, 700);
    index.save(path);
    auto read = bqq::read_index(path);
    EXPECT_EQ(read->ntotal, index.ntotal());
    EXPECT_EQ(bqq::test::search(*read, queries(), 10), search(index.snapshot(), 10));
    ConcurrentIndex again(std::move(read));
    EXPECT_EQ(search(again.snapshot(), 10), search(index.snapshot(), 10));
}

TEST_P(ConcurrentIndexOf, MergesPartsAndForgetsRemovedVectorsByItself) {
    for (idx_t i = 0; i < 60; ++i) add(10 * i, 10, 10 * i);
    remove(0, 300, 1);
    const auto start = std::chrono::steady_clock::now();
    while (index.snapshot().parts() > 6 &&
           std::chrono::steady_clock::now() - start < std::chrono::seconds(60))
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    EXPECT_LE(index.snapshot().parts(), 6u);
    EXPECT_EQ(index.compaction_error(), nullptr);
    check();
}

TEST_P(ConcurrentIndexOf, TakesSelectorsAndParameters) {
    add(0, 600, 0);
    remove(0, 100, 1);
    add(600, 20, 600);
    const faiss::IDSelectorRange sel(50, 250);
    bqq::IVFSearchParametersBQQ ivf;
    bqq::SearchParametersBQQ flat;
    const bool is_ivf = GetParam().starts_with("IVF");
    ivf.nprobe = 8;
    ivf.sel = flat.sel = const_cast<faiss::IDSelectorRange*>(&sel);
    const faiss::SearchParameters* params = is_ivf ? static_cast<faiss::SearchParameters*>(&ivf)
                                                   : static_cast<faiss::SearchParameters*>(&flat);
    const Results found = search(index.snapshot(), 200, queries(), params);
    for (size_t i = 0; i < found.labels.size(); ++i)
        if (i % 200 < 150)
            EXPECT_THAT(found.labels[i], testing::AllOf(testing::Ge(100), testing::Lt(250)));
        else
            EXPECT_EQ(found.labels[i], -1);
    const faiss::SearchParameters* wrong = is_ivf ? static_cast<faiss::SearchParameters*>(&flat)
                                                  : static_cast<faiss::SearchParameters*>(&ivf);
    EXPECT_THROW(search(index.snapshot(), 1, queries(), wrong), faiss::FaissException);
}

TEST_P(ConcurrentIndexOf, ARefusedChangeChangesNothing) {
    add(0, 100, 0);
    std::vector<float> x(base().begin(), base().begin() + 2 * kD);
    x[kD + 1] = std::numeric_limits<float>::quiet_NaN();
    const std::vector<idx_t> ids{3, 4}, negative{5, -2};
    EXPECT_THROW(index.update(2, x.data(), ids.data()), faiss::FaissException);
    EXPECT_THROW(index.add(2, base().data(), negative.data()), faiss::FaissException);
    EXPECT_THROW(index.add(-1, base().data(), ids.data()), faiss::FaissException);
    EXPECT_THROW(index.remove(-1, ids.data()), faiss::FaissException);
    EXPECT_THROW(search(index.snapshot(), 0), faiss::FaissException);
    check();
}

TEST(ConcurrentIndexErrors, OtherIndexesAreRefused) {
    EXPECT_THROW(ConcurrentIndex(nullptr), faiss::FaissException);
    EXPECT_THROW(ConcurrentIndex(bqq::index_factory(kD, "BQQ32")), faiss::FaissException);
    EXPECT_THROW(ConcurrentIndex(bqq::index_factory(kD, "Flat")), faiss::FaissException);
    EXPECT_THROW(ConcurrentIndex(bqq::index_factory(kD, "IDMap,Flat")), faiss::FaissException);
}

/// Seconds of the stress test; more by BQQ_STRESS_SECONDS.
double stress_seconds() {
    const char* seconds = std::getenv("BQQ_STRESS_SECONDS");
    return seconds == nullptr ? 0.7 : std::atof(seconds);
}

uint64_t mixed(idx_t id) {
    auto x = static_cast<uint64_t>(id) * 0x9E3779B97F4A7C15u;
    return (x ^ x >> 29) * 0xBF58476D1CE4E5B9u;
}

/** One thread changes the index; others search all of it, and each must see one of the states that
 * the changes made one after the other, later ones later, every vector at its distance.
 */
TEST_P(ConcurrentIndexOf, EverySearchSeesOneOfTheStatesInTheirOrder) {
    // Of each query, the distance of every row of base().
    std::vector<std::vector<float>> distance(kQueries, std::vector<float>(kVectors));
    {
        Model all;
        for (idx_t i = 0; i < kVectors; ++i) all[i] = i;
        const Results results = serial(*empty, all, kVectors);
        for (size_t i = 0; i < results.labels.size(); ++i)
            distance[i / kVectors][static_cast<size_t>(results.labels[i])] = results.distances[i];
    }
    std::mutex mutex;
    // Sum of ids -> the changes that led to it.
    std::unordered_map<uint64_t, std::vector<size_t>> states{{0, {0}}};
    std::atomic<bool> ends = false;
    std::atomic<size_t> searches = 0, wrong = 0, changes = 0;
    const auto read = [&](uint64_t seed) {
        std::mt19937_64 random(seed);
        size_t last = 0;
        while (!ends) {
            const Snapshot snapshot = index.snapshot();
            const size_t q = random() % kQueries;
            const std::vector<float> query(
                    queries().begin() + static_cast<std::ptrdiff_t>(q * kD),
                    queries().begin() + static_cast<std::ptrdiff_t>((q + 1) * kD));
            const Results found = search(snapshot, kVectors, query);
            uint64_t sum = 0;
            bool is_right = std::is_sorted(
                    found.distances.begin(), found.distances.begin() + snapshot.ntotal());
            for (idx_t i = 0; i < kVectors; ++i) {
                const idx_t id = found.labels[static_cast<size_t>(i)];
                if ((id < 0) != (i >= snapshot.ntotal())) is_right = false;
                if (id < 0) continue;
                sum += mixed(id);
                if (found.distances[static_cast<size_t>(i)] != distance[q][static_cast<size_t>(id)])
                    is_right = false;
            }
            {
                const std::lock_guard lock(mutex);
                const std::vector<size_t>& all = states[sum];
                const auto state = std::lower_bound(all.begin(), all.end(), last);
                is_right = is_right && state != all.end();
                if (is_right) last = *state;
            }
            ++searches;
            if (!is_right) ++wrong;
        }
    };
    std::vector<std::thread> threads;
    for (uint64_t seed = 0; seed < 6; ++seed) threads.emplace_back(read, seed);
    threads.emplace_back([&] {
        while (!ends) {
            const Snapshot snapshot = index.snapshot();
            if (snapshot.to_index()->ntotal != snapshot.ntotal()) ++wrong;
            ++searches;
        }
    });
    // An id is its row of base(), so that a removed one may come again.
    std::mt19937_64 random(9);
    std::set<idx_t> there;
    uint64_t sum = 0;
    const auto start = std::chrono::steady_clock::now();
    const auto limit = std::chrono::duration<double>(stress_seconds());
    while (std::chrono::steady_clock::now() - start < limit) {
        std::vector<idx_t> ids;
        const bool adds = there.size() < kVectors / 4 || random() % 2 == 0;
        const size_t n = random() % 40 + 1;
        for (size_t i = 0; i < n; ++i) {
            const auto id = static_cast<idx_t>(random() % kVectors);
            if (adds ? there.insert(id).second : there.erase(id) > 0) ids.push_back(id);
        }
        for (const idx_t id : ids) sum += adds ? mixed(id) : -mixed(id);
        {
            const std::lock_guard lock(mutex);
            states[sum].push_back(++changes);
        }
        if (adds) {
            std::vector<float> x;
            for (const idx_t id : ids) x.insert(x.end(), vector_of(id), vector_of(id) + kD);
            index.add(static_cast<idx_t>(ids.size()), x.data(), ids.data());
        } else {
            EXPECT_EQ(index.remove(static_cast<idx_t>(ids.size()), ids.data()), ids.size());
        }
    }
    ends = true;
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(wrong, 0u) << "of " << searches << " searches";
    EXPECT_GT(searches, 10u);
    EXPECT_GT(changes, 3u);
    for (const idx_t id : there) model[id] = id;
    check();
    EXPECT_EQ(index.compaction_error(), nullptr);
    RecordProperty("searches", static_cast<int>(searches));
    RecordProperty("changes", static_cast<int>(changes));
}

} // namespace concurrent_index_test
