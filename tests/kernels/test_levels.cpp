#include "kernels/levels.h"

#include "random_data.h"
#include "targets.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace {

using bqq::kernels::level_bytes;
using bqq::test::normal_numbers;
using bqq::test::target_name;
using bqq::test::targets;

class Levels : public bqq::test::TargetTest {};
INSTANTIATE_TEST_SUITE_P(Targets, Levels, testing::ValuesIn(targets()), target_name);

TEST_P(Levels, AreLookedUpAndAddedInOrder) {
    std::mt19937 random(1);
    for (const size_t d : {1, 15, 16, 17, 31, 32, 33, 100, 784})
        for (const size_t planes : {1, 2, 3, 4}) {
            SCOPED_TRACE(testing::Message() << "d " << d << " planes " << planes);
            const std::vector<float> tables = normal_numbers(planes, 16, d);
            std::vector<uint8_t> levels(planes * level_bytes(d));
            std::vector<float> expected((d + 31) / 32 * 32);
            for (size_t p = 0; p < planes; ++p)
                for (size_t j = 0; j < d; ++j) {
                    const auto level = static_cast<uint8_t>(random() % 16);
                    levels[p * level_bytes(d) + j / 32 * 16 + j % 16] |=
                            static_cast<uint8_t>(j % 32 < 16 ? level : level << 4);
                    expected[j] += tables[16 * p + level];
                }
            const size_t size = expected.size();
            expected.push_back(-77); // must stay
            std::vector<float> row(size + 1, -77);
            bqq::kernels::expand_levels(levels.data(), planes, tables.data(), d, row.data());
            EXPECT_EQ(row, expected);
        }
}

} // namespace
