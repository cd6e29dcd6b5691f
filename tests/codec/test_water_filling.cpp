#include "codec/water_filling.h"

#include <gtest/gtest.h>

#include <vector>

namespace water_filling_test {

/// Of the variances 4 and 1: the first bit halves the deviation of the first, and from there on
/// bits are shared.
TEST(WaterFilling, GivesBitsToTheLargeVariancesFirst) {
    const std::vector<double> variances{4, 1, 0};
    EXPECT_DOUBLE_EQ(bqq::shannon_error(variances, 0), 5);
    EXPECT_DOUBLE_EQ(bqq::shannon_error(variances, 0.5), 2 + 1);
    EXPECT_DOUBLE_EQ(bqq::shannon_error(variances, 1), 1 + 1);
    EXPECT_DOUBLE_EQ(bqq::shannon_error(variances, 2), 0.5 + 0.5);
    EXPECT_DOUBLE_EQ(bqq::water_level(variances, 0.5), 2);
    EXPECT_DOUBLE_EQ(bqq::water_level(variances, 2), 0.5);
}

TEST(WaterFilling, OfConstantVectorsHasNoError) {
    EXPECT_EQ(bqq::shannon_error(std::vector<double>{0, 0}, 8), 0);
    EXPECT_EQ(bqq::shannon_error({}, 8), 0);
}

} // namespace water_filling_test
