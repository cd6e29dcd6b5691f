#include "store/packed_ids.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <random>
#include <vector>

namespace packed_ids_test {

using bqq::PackedIds;

void expect_ids(const PackedIds& packed, const std::vector<int64_t>& ids) {
    ASSERT_EQ(packed.size(), ids.size());
    for (size_t i = 0; i < ids.size(); ++i) ASSERT_EQ(packed.view()[i], ids[i]) << "place " << i;
}

TEST(PackedIds, HoldIdsOfEveryWidth) {
    std::mt19937_64 random(1);
    for (int bits = 0; bits <= 63; ++bits) {
        std::vector<int64_t> ids;
        for (int i = 0; i < 100; ++i)
            ids.push_back(static_cast<int64_t>(random() & ((uint64_t{1} << bits) - 1)));
        PackedIds packed;
        packed.add(ids);
        expect_ids(packed, ids);
        EXPECT_LE(packed.view().width, bits > 56 ? 64u : static_cast<unsigned>(bits));
    }
}

TEST(PackedIds, WidenForALargerId) {
    PackedIds packed;
    std::vector<int64_t> ids;
    for (const int64_t id :
         {int64_t{0}, int64_t{1}, int64_t{200}, int64_t{3}, int64_t{1} << 40,
          std::numeric_limits<int64_t>::max(), int64_t{-1}, int64_t{5}}) {
        ids.push_back(id);
        packed.add({&id, 1});
        expect_ids(packed, ids);
    }
    EXPECT_EQ(packed.view().width, 64u);
}

TEST(PackedIds, ShrinkAndGrowWithZeros) {
    for (const int64_t largest : {int64_t{7}, int64_t{1000}, int64_t{1} << 50}) {
        std::vector<int64_t> ids(77, largest);
        PackedIds packed;
        packed.add(ids);
        for (const size_t size : {size_t{50}, size_t{13}, size_t{60}, size_t{0}, size_t{9}}) {
            ids.resize(size);
            packed.resize(size);
            expect_ids(packed, ids);
        }
        packed.set(4, largest);
        ids[4] = largest;
        expect_ids(packed, ids);
    }
}

TEST(PackedIds, HoldTheLargestAndTheNegative) {
    using Limits = std::numeric_limits<int64_t>;
    constexpr int64_t kWide = int64_t{1} << 56; // takes 57 bits
    const std::vector<int64_t> huge = {kWide - 1,     kWide, kWide + 1, Limits::max(),
                                       Limits::min(), -1,    -kWide,    0};
    for (const int64_t first : huge)
        for (const int64_t second : huge) {
            const std::vector<int64_t> ids = {first, second, 1, first};
            PackedIds packed;
            packed.add(ids);
            expect_ids(packed, ids);
            packed.move(1, 3);
            packed.set(2, first);
            expect_ids(packed, {first, second, first, second});
            packed.set(0, second);
            expect_ids(packed, {second, second, first, second});
        }
    EXPECT_EQ(PackedIds::width_of(kWide - 1), 56u);
    EXPECT_EQ(PackedIds::width_of(kWide), 64u);
    EXPECT_EQ(PackedIds::width_of(Limits::max()), 64u);
    EXPECT_EQ(PackedIds::width_of(-1), 64u);
}

TEST(PackedIds, SettingOneLeavesItsNeighbours) {
    for (const int bits : {1, 3, 7, 8, 31, 33, 55, 56, 63}) {
        const auto largest = static_cast<int64_t>((uint64_t{1} << bits) - 1);
        std::vector<int64_t> ids(20, largest);
        PackedIds packed;
        packed.add(ids);
        for (size_t i = 0; i < ids.size(); i += 2) {
            packed.set(i, 0);
            ids[i] = 0;
            expect_ids(packed, ids);
        }
    }
}

} // namespace packed_ids_test
