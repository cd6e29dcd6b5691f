#include "kernels/levels.h"
#include "kernels/row_products.h"

#include "random_data.h"
#include "targets.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <random>
#include <vector>

namespace levels_test {

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

TEST_P(Levels, ProductsAreThoseOfTheExpandedRows) {
    std::mt19937 random(2);
    for (const size_t d : {1, 16, 17, 33, 100, 784})
        for (const size_t planes : {1, 2, 3, 4})
            for (const size_t rows : {1, 3, 4, 9}) {
                SCOPED_TRACE(testing::Message() << d << " " << planes << " planes " << rows);
                const size_t padded = 2 * level_bytes(d);
                const std::vector<float> tables = normal_numbers(rows * planes, 16, d);
                std::vector<uint8_t> levels(rows * planes * level_bytes(d));
                for (uint8_t& level : levels) level = static_cast<uint8_t>(random());
                std::vector<float> x = normal_numbers(1, padded, 3);
                std::fill(x.begin() + static_cast<std::ptrdiff_t>(d), x.end(), 0.0f);
                std::vector<float> expanded(rows * padded), expected(rows), found(rows + 1, -77);
                for (size_t r = 0; r < rows; ++r)
                    bqq::kernels::expand_levels(
                            levels.data() + r * planes * level_bytes(d), planes,
                            tables.data() + r * planes * 16, d, expanded.data() + r * padded);
                bqq::kernels::row_products(
                        x.data(), d, 1, expanded.data(), padded, rows, d, expected.data(), rows);
                bqq::kernels::level_products(
                        x.data(), levels.data(), planes, tables.data(), rows, d, found.data());
                expected.push_back(-77); // must stay
                EXPECT_EQ(found, expected);
            }
}

} // namespace levels_test
