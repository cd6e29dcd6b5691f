// An index is as it was when a call fails, wherever that happens.
#include "failing_allocator.h"
#include "random_data.h"
#include "search_results.h"

#include <bqq/index/IndexBQQ.h>
#include <bqq/index/IndexIVFBQQ.h>
#include <bqq/index/index_factory.h>
#include <bqq/index/index_io.h>
#include <faiss/impl/FaissException.h>
#include <faiss/impl/IDSelector.h>
#include <gtest/gtest.h>

#include <cctype>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace guarantees_test {

using bqq::idx_t;
using bqq::IndexIVFBQQ;
using bqq::test::fail_each_allocation;

constexpr idx_t kVectors = 300;
constexpr int kDimension = 8;

const std::vector<float>& vectors() {
    static const std::vector<float> x = bqq::test::gaussian_vectors(kVectors, kDimension, 1);
    return x;
}

/// All that an index holds of its vectors: how many bits ids take is its own business.
struct Contents {
    idx_t ntotal;
    std::vector<std::vector<uint8_t>> codes; ///< of each list
    std::vector<std::vector<idx_t>> ids;
    size_t ids_in_map = 0;

    explicit Contents(const faiss::Index& index) : ntotal(index.ntotal) {
        const auto* ivf = dynamic_cast<const IndexIVFBQQ*>(&index);
        if (ivf == nullptr) {
            codes.push_back(bqq::test::codes_of(dynamic_cast<const bqq::IndexBQQ&>(index)));
            return;
        }
        ids_in_map = ivf->direct_map.hashtable.size();
        for (size_t list = 0; list < ivf->nlist; ++list) {
            const size_t size = ivf->get_list_size(list);
            faiss::InvertedLists::ScopedCodes of_list(ivf->invlists, list);
            faiss::InvertedLists::ScopedIds of_ids(ivf->invlists, list);
            codes.emplace_back(of_list.get(), of_list.get() + size * ivf->code_size);
            ids.emplace_back(of_ids.get(), of_ids.get() + size);
        }
    }
    bool operator==(const Contents&) const = default;
};

/// A selector that fails when it is asked for the n-th time.
struct FailingSelector : faiss::IDSelector {
    explicit FailingSelector(int n) : left(n) {}
    bool is_member(idx_t id) const override {
        if (left-- == 0) throw std::runtime_error("no more");
        return id % 3 == 0;
    }
    mutable int left;
};

class Guarantees : public testing::TestWithParam<std::string> {
protected:
    /// An index of the first half of the vectors; with "+map", one that finds them by id.
    static std::unique_ptr<faiss::Index> filled() {
        static std::map<std::string, std::unique_ptr<faiss::Index>> made;
        std::unique_ptr<faiss::Index>& index = made[GetParam()];
        if (index == nullptr) {
            const size_t plus = GetParam().find('+');
            index = bqq::index_factory(kDimension, GetParam().substr(0, plus));
            index->train(kVectors, vectors().data());
            if (plus != std::string::npos)
                dynamic_cast<IndexIVFBQQ&>(*index).set_direct_map_type(faiss::DirectMap::Hashtable);
            index->add(kVectors / 2, vectors().data());
        }
        return bqq::clone_index(index.get());
    }

    /// Runs call(index) with one allocation after another failing, and looks at the index each
    /// time.
    static void expect_unchanged_when_memory_ends(
            const std::function<void(faiss::Index& index)>& call) {
        std::unique_ptr<faiss::Index> index;
        const Contents before(*filled());
        const size_t failures = fail_each_allocation(
                [&] {
                    index = filled();
                    return [&] { call(*index); };
                },
                [&](size_t allowed) {
                    EXPECT_TRUE(Contents(*index) == before) << "after allocation " << allowed;
                    expect_usable(*index);
                });
        EXPECT_GT(failures, 0u);
        EXPECT_FALSE(Contents(*index) == before);
    }

    static void expect_usable(faiss::Index& index) {
        const idx_t before = index.ntotal;
        index.add(1, vectors().data());
        EXPECT_EQ(index.ntotal, before + 1);
        EXPECT_GE(bqq::test::search(index, vectors(), 1).labels[0], 0);
    }
};

INSTANTIATE_TEST_SUITE_P(
        Kinds, Guarantees,
        testing::Values("BQQ16", "BQQ16z2g3", "IVF4,BQQ16", "IVF4,BQQ16z2g2", "IVF4,BQQ16+map"),
        [](const auto& kind) {
            std::string name = kind.param;
            for (char& c : name)
                if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
            return name;
        });

TEST_P(Guarantees, ASelectorMayThrowAtAnyPosition) {
    const Contents before(*filled());
    int asked = 0;
    for (;; ++asked) {
        const auto index = filled();
        const FailingSelector selector(asked);
        try {
            index->remove_ids(selector);
        } catch (const std::exception&) {
            ASSERT_TRUE(Contents(*index) == before) << "position " << asked;
            continue;
        }
        EXPECT_EQ(index->ntotal, kVectors / 2 - (kVectors / 2 + 2) / 3);
        break;
    }
    EXPECT_GE(asked, kVectors / 2);
}

TEST_P(Guarantees, AddingMayRunOutOfMemory) {
    expect_unchanged_when_memory_ends([](faiss::Index& index) {
        index.add(kVectors / 2, vectors().data() + kVectors / 2 * kDimension);
    });
}

TEST_P(Guarantees, RemovingMayRunOutOfMemory) {
    const faiss::IDSelectorRange some(10, 90);
    expect_unchanged_when_memory_ends([&](faiss::Index& index) { index.remove_ids(some); });
}

TEST_P(Guarantees, MergingMayRunOutOfMemory) {
    if (GetParam().find('+') != std::string::npos) return; // FAISS merges no index with a map
    const std::unique_ptr<faiss::Index> whole = filled();
    const Contents contents(*whole);
    std::unique_ptr<faiss::Index> other;
    const idx_t add_id = dynamic_cast<IndexIVFBQQ*>(whole.get()) != nullptr ? 1 << 20 : 0;
    std::unique_ptr<faiss::Index> index;
    const size_t failures = fail_each_allocation(
            [&] {
                index = filled();
                other = filled();
                return [&] {
                    if (auto* ivf = dynamic_cast<IndexIVFBQQ*>(index.get()))
                        ivf->merge_from(*other, add_id);
                    else
                        dynamic_cast<bqq::IndexBQQ&>(*index).merge_from(*other, add_id);
                };
            },
            [&](size_t allowed) {
                EXPECT_TRUE(Contents(*index) == contents) << "after allocation " << allowed;
                EXPECT_TRUE(Contents(*other) == contents) << "after allocation " << allowed;
            });
    EXPECT_GT(failures, 0u);
    EXPECT_EQ(index->ntotal, kVectors);
    EXPECT_EQ(other->ntotal, 0);
}

} // namespace guarantees_test
