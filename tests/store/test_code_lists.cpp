#include "failing_allocator.h"
#include "store/code_lists.h"
#include "temporary_folder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace code_lists_test {

using bqq::CodeBlocks;
using bqq::CodeLists;
using bqq::ListOrder;
using bqq::Place;
using bqq::test::fail_each_allocation;
using bqq::test::FailingAllocator;
using Code = std::vector<uint8_t>;

constexpr size_t kSize = 7; // bytes of a code

Code code_at(const bqq::kernels::InterleavedCodes& codes, size_t i) {
    Code code(codes.code_size);
    bqq::copy_code(codes, i, code.data());
    return code;
}

std::vector<uint8_t> random_codes(size_t n, uint64_t seed) {
    std::mt19937_64 random(seed);
    std::vector<uint8_t> codes(n * kSize);
    for (uint8_t& byte : codes) byte = static_cast<uint8_t>(random());
    return codes;
}

std::vector<uint32_t> random_lists(size_t n, size_t nlist, uint64_t seed) {
    std::mt19937_64 random(seed);
    std::vector<uint32_t> lists(n);
    for (uint32_t& list : lists) list = static_cast<uint32_t>(random() % nlist);
    return lists;
}

TEST(CodeBlocks, HoldsWhatWasAdded) {
    constexpr size_t n = 200;
    std::vector<uint8_t> codes(n * kSize);
    std::iota(codes.begin(), codes.end(), uint8_t{0});
    CodeBlocks blocks(kSize);
    for (size_t i = 0; i < n; i += 50) blocks.add(50, codes.data() + i * kSize);
    ASSERT_EQ(blocks.size(), n);
    ASSERT_EQ(blocks.view().blocks(), 4u);
    const auto expect_code = [&](size_t position, size_t i) {
        const auto begin = codes.begin() + static_cast<int>(i * kSize);
        EXPECT_EQ(code_at(blocks.view(), position), Code(begin, begin + kSize)) << position;
    };
    for (size_t i = 0; i < n; ++i) expect_code(i, i);
    EXPECT_EQ(blocks.view().data[64 * 7 + 2 * 64 + 3], codes[67 * kSize + 2]) << "interleaved";
    EXPECT_EQ(blocks.view().data[192 * 7 + 2 * 8 + 3], codes[195 * kSize + 2]) << "narrow block";
    EXPECT_EQ(reinterpret_cast<uintptr_t>(blocks.view().data) % 64, 0u);
    blocks.set(70, codes.data());
    expect_code(70, 0);
    blocks.truncate(100);
    EXPECT_EQ(blocks.size(), 100u);
    EXPECT_EQ(blocks.view().blocks(), 2u);
    blocks.add(1, codes.data() + 5 * kSize);
    expect_code(100, 5);
    expect_code(99, 99);
    blocks.move(3, 65);
    expect_code(65, 3);
    blocks.truncate(0);
    EXPECT_EQ(blocks.size(), 0u);
}

TEST(ListOrder, RanksAndSelects) {
    constexpr size_t kLists = 3;
    for (const size_t n : {1, 212, 255, 256, 257, 512, 1000}) {
        ListOrder order(kLists);
        std::vector<size_t> of;
        const auto add = [&](size_t count) {
            for (size_t i = 0; i < count; ++i) {
                of.push_back(of.size() * of.size() / 7 % kLists);
                order.add(static_cast<uint8_t>(of.back()));
            }
        };
        add(n);
        for (const size_t left : {n, n / 2, size_t{0}}) {
            order.truncate(left);
            of.resize(left);
            add(300);
            ASSERT_EQ(order.size(), of.size());
            std::vector<size_t> counts(kLists);
            for (size_t i = 0; i < of.size(); ++i) {
                ASSERT_EQ(order.list(i), of[i]);
                for (size_t l = 0; l < kLists; ++l) ASSERT_EQ(order.rank(l, i), counts[l]);
                ASSERT_EQ(order.select(of[i], counts[of[i]]), i);
                ++counts[of[i]];
            }
            for (size_t l = 0; l < kLists; ++l) ASSERT_EQ(order.rank(l, of.size()), counts[l]);
        }
    }
}

/// Vectors in the order of their ids, each with its list and code.
using Vectors = std::vector<std::pair<size_t, Code>>;

Vectors vectors_of(const std::vector<uint8_t>& codes, const std::vector<uint32_t>& lists) {
    Vectors vectors;
    for (size_t i = 0; i < lists.size(); ++i) {
        const auto begin = codes.begin() + static_cast<std::ptrdiff_t>(i * kSize);
        vectors.emplace_back(lists[i], Code(begin, begin + kSize));
    }
    return vectors;
}

Vectors vectors_of(const CodeLists& lists) {
    Vectors vectors;
    std::vector<size_t> sizes(lists.nlist());
    for (size_t i = 0; i < lists.size(); ++i) {
        const Place place = lists.place(i);
        Code code(kSize);
        lists.get(i, code.data());
        EXPECT_EQ(code_at(lists.codes(place.list), place.position), code);
        EXPECT_EQ(lists.id(place), static_cast<int64_t>(i));
        EXPECT_EQ(place.position, sizes[place.list]++) << "a list is not in the order of adding";
        vectors.emplace_back(place.list, code);
    }
    for (size_t l = 0; l < lists.nlist(); ++l) EXPECT_EQ(lists.size(l), sizes[l]);
    return vectors;
}

class PositionalLists : public testing::TestWithParam<size_t> {
protected:
    static constexpr size_t kVectors = 700;
    const size_t nlist = GetParam();
    const std::vector<uint8_t> codes = random_codes(kVectors, 1);
    const std::vector<uint32_t> of = random_lists(kVectors, nlist, 2);
    const Vectors all = vectors_of(codes, of);

    CodeLists filled() const {
        CodeLists lists(nlist, kSize, CodeLists::Ids::positional);
        lists.append(kVectors, codes.data(), of);
        return lists;
    }
    static std::vector<bool> some(uint64_t seed) {
        std::mt19937_64 random(seed);
        std::vector<bool> chosen(kVectors);
        for (size_t i = 0; i < kVectors; ++i) chosen[i] = random() % 3 == 0;
        return chosen;
    }
};
INSTANTIATE_TEST_SUITE_P(CodeLists, PositionalLists, testing::Values(1, 5, 256));

TEST_P(PositionalLists, HoldWhatIsAppendedInParts) {
    CodeLists lists(nlist, kSize, CodeLists::Ids::positional);
    EXPECT_EQ(lists.size(), 0u);
    for (size_t begin = 0, n = 1; begin < kVectors;
         begin += n, n = std::min(2 * n, kVectors - begin))
        lists.append(n, codes.data() + begin * kSize, std::span(of).subspan(begin, n));
    EXPECT_EQ(vectors_of(lists), all);
    EXPECT_FALSE(lists.is_mapped());
}

TEST_P(PositionalLists, LaterVectorsMoveUpWhenSomeAreRemoved) {
    CodeLists lists = filled();
    const std::vector<bool> removed = some(3);
    lists.remove(removed);
    Vectors left;
    for (size_t i = 0; i < kVectors; ++i)
        if (!removed[i]) left.push_back(all[i]);
    EXPECT_EQ(vectors_of(lists), left);
    lists.remove(std::vector<bool>(left.size(), true));
    EXPECT_EQ(lists.size(), 0u);
    lists.append(kVectors, codes.data(), of);
    EXPECT_EQ(vectors_of(lists), all);
}

TEST_P(PositionalLists, TruncatedAndMergedTheyHoldTheRest) {
    CodeLists lists = filled();
    lists.truncate(kVectors + 1);
    EXPECT_EQ(vectors_of(lists), all);
    lists.truncate(130);
    Vectors expected(all.begin(), all.begin() + 130);
    EXPECT_EQ(vectors_of(lists), expected);
    const CodeLists other = filled();
    lists.append(other);
    expected.insert(expected.end(), all.begin(), all.end());
    EXPECT_EQ(vectors_of(lists), expected);
    EXPECT_EQ(vectors_of(other), all);
    const CodeLists copy = lists;
    lists.truncate(0);
    EXPECT_EQ(vectors_of(copy), expected);
}

TEST_P(PositionalLists, ReservedRoomIsUsed) {
    CodeLists lists(nlist, kSize, CodeLists::Ids::positional);
    lists.reserve(kVectors);
    const size_t bytes = nlist == 1 ? lists.codes_bytes() : lists.ids_bytes();
    lists.append(kVectors, codes.data(), of);
    EXPECT_EQ(nlist == 1 ? lists.codes_bytes() : lists.ids_bytes(), bytes);
}

TEST_P(PositionalLists, GrowByLittleMoreThanTheyHold) {
    CodeLists lists(nlist, kSize, CodeLists::Ids::positional);
    for (int i = 0; i < 40; ++i) lists.append(kVectors, codes.data(), of);
    const size_t held = 40 * kVectors * kSize;
    EXPECT_LE(lists.codes_bytes(), held * 9 / 8 + nlist * (2 * 64 + 128));
}

/// Each change either happens or leaves everything as it was, wherever memory ends.
TEST_P(PositionalLists, AFailedChangeChangesNothing) {
    const CodeLists before = filled();
    const CodeLists other = filled();
    const std::vector<bool> removed = some(4);
    const auto check = [&](const char* what, const auto& change) {
        std::unique_ptr<CodeLists> lists;
        const size_t failures = fail_each_allocation(
                [&] {
                    lists = std::make_unique<CodeLists>(before);
                    return [&] { change(*lists); };
                },
                [&](size_t allowed) {
                    EXPECT_EQ(vectors_of(*lists), all) << what << ", allocation " << allowed;
                    change(*lists);
                });
        EXPECT_GT(failures, 0u) << what;
        CodeLists changed = before;
        change(changed);
        EXPECT_EQ(vectors_of(*lists), vectors_of(changed)) << what;
    };
    check("append", [&](CodeLists& lists) { lists.append(kVectors, codes.data(), of); });
    check("merge", [&](CodeLists& lists) { lists.append(other); });
    check("remove", [&](CodeLists& lists) { lists.remove(removed); });
    check("reserve", [&](CodeLists& lists) { lists.reserve(10 * kVectors); });
    // What makes nothing longer cannot fail.
    CodeLists lists = before;
    const FailingAllocator none(0);
    EXPECT_NO_THROW(lists.truncate(50));
}

/// The entries of each list.
using Entries = std::vector<std::vector<std::pair<Code, int64_t>>>;

Entries entries_of(const CodeLists& lists) {
    Entries entries(lists.nlist());
    for (size_t l = 0; l < lists.nlist(); ++l) {
        EXPECT_EQ(lists.ids(l).size, lists.size(l));
        for (size_t i = 0; i < lists.size(l); ++i)
            entries[l].emplace_back(code_at(lists.codes(l), i), lists.id({l, i}));
    }
    return entries;
}

class StoredLists : public testing::Test {
protected:
    static constexpr size_t kLists = 3;
    CodeLists lists{kLists, kSize, CodeLists::Ids::stored};
    Entries expected{kLists};

    /// n entries with ids from `first` on, in both.
    void append(size_t list, size_t n, int64_t first) {
        const std::vector<uint8_t> codes = random_codes(n, static_cast<uint64_t>(first));
        std::vector<int64_t> ids(n);
        std::iota(ids.begin(), ids.end(), first);
        EXPECT_EQ(lists.append(list, n, codes.data(), ids), expected[list].size());
        const Vectors rows = vectors_of(codes, std::vector<uint32_t>(n));
        for (size_t i = 0; i < n; ++i) expected[list].emplace_back(rows[i].second, ids[i]);
    }
};

TEST_F(StoredLists, HoldCodesAndIds) {
    append(0, 100, 0);
    append(2, 1, 1000);
    append(0, 70, int64_t{1} << 45);
    append(2, 300, -5);
    append(1, 0, 0);
    EXPECT_EQ(entries_of(lists), expected);
}

TEST_F(StoredLists, AreSetMovedAndResized) {
    append(0, 100, 0);
    append(1, 130, 500);
    const Code code(kSize, 99);
    lists.set({0, 70}, code.data(), int64_t{1} << 60);
    expected[0][70] = {code, int64_t{1} << 60};
    lists.move(1, 129, 3);
    expected[1][3] = expected[1][129];
    lists.resize(1, 66);
    expected[1].resize(66);
    EXPECT_EQ(entries_of(lists), expected);
    lists.resize(1, 200);
    expected[1].resize(200, {Code(kSize), 0});
    EXPECT_EQ(entries_of(lists), expected);
}

TEST_F(StoredLists, ReservedRoomIsEnough) {
    constexpr size_t n = 500;
    const std::vector<uint8_t> codes = random_codes(n, 1);
    std::vector<int64_t> ids(n);
    std::iota(ids.begin(), ids.end(), int64_t{0});
    lists.reserve(1, n, bqq::PackedIds::width_of(n - 1));
    const FailingAllocator none(0);
    EXPECT_NO_THROW((void)lists.append(1, n, codes.data(), ids));
}

TEST_F(StoredLists, AFailedChangeChangesNothing) {
    append(0, 100, 0);
    append(1, 130, 500);
    const CodeLists before = lists;
    const std::vector<uint8_t> codes = random_codes(200, 7);
    const std::vector<int64_t> ids(200, int64_t{1} << 30);
    const auto check = [&](const char* what, const auto& change) {
        const size_t failures = fail_each_allocation(
                [&] {
                    lists = before;
                    return [&] { change(); };
                },
                [&](size_t allowed) {
                    EXPECT_EQ(entries_of(lists), expected) << what << ", allocation " << allowed;
                });
        EXPECT_GT(failures, 0u) << what;
    };
    check("append", [&] { (void)lists.append(1, 200, codes.data(), ids); });
    check("set", [&] { lists.set({0, 70}, codes.data(), -1); });
    check("resize", [&] { lists.resize(0, 1000); });
    check("reserve", [&] { lists.reserve(0, 1000, 40); });
    check("reserve wider", [&] { lists.reserve(0, 100, 64); });
    lists = before;
    const FailingAllocator none(0);
    EXPECT_NO_THROW(lists.resize(1, 3));
    EXPECT_NO_THROW(lists.move(0, 99, 1));
    EXPECT_NO_THROW(lists.set({0, 4}, codes.data(), 3));
}

TEST_F(StoredLists, LieInAFileAsTheyLieInMemory) {
    append(0, 100, 0);
    append(2, 65, int64_t{1} << 40);
    std::string bytes;
    std::vector<std::pair<size_t, size_t>> places; // of codes and ids of each list
    const auto add = [&](const void* data, size_t size, size_t slack) {
        const size_t place = bytes.size();
        bytes.append(static_cast<const char*>(data), size).append(slack, '\xff');
        return place;
    };
    for (size_t l = 0; l < kLists; ++l) {
        const auto codes = lists.codes(l);
        const auto ids = lists.ids(l);
        const size_t at = add(codes.data, codes.size * kSize, bqq::kernels::kSlack);
        places.emplace_back(
                at, add(ids.data, bqq::PackedIdsView::bytes(ids.size, ids.width),
                        bqq::PackedIdsView::kSlack));
    }
    const bqq::test::TemporaryFolder folder;
    const std::string path = folder.path() / "lists";
    std::ofstream(path, std::ios::binary) << bytes;
    const auto file = std::make_shared<const bqq::MappedFile>(path);
    CodeLists mapped(kLists, kSize, CodeLists::Ids::stored);
    CodeLists assigned(kLists, kSize, CodeLists::Ids::stored);
    for (size_t l = 0; l < kLists; ++l) {
        const auto ids = lists.ids(l);
        mapped.map(
                l, file, {file->data() + places[l].first, lists.size(l), kSize},
                {file->data() + places[l].second, ids.size, ids.width});
        const CodeLists::Bytes to = assigned.assign(l, lists.size(l), ids.width);
        std::copy_n(bytes.data() + places[l].first, lists.size(l) * kSize, to.codes);
        std::copy_n(
                bytes.data() + places[l].second, bqq::PackedIdsView::bytes(ids.size, ids.width),
                to.ids);
    }
    EXPECT_EQ(entries_of(mapped), expected);
    EXPECT_TRUE(mapped.is_mapped());
    EXPECT_EQ(mapped.ids_bytes(), CodeLists(kLists, kSize, CodeLists::Ids::stored).ids_bytes());
    EXPECT_EQ(entries_of(assigned), expected);
    EXPECT_FALSE(assigned.is_mapped());
    lists = assigned;
    append(0, 50, 1);
    EXPECT_EQ(entries_of(lists), expected);
}

} // namespace code_lists_test
