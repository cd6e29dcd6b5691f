#include "random_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include "codec/outliers.h"

#include <limits>
#include <string>
#include <vector>

namespace codec_outliers_test {

using bqq::outlier_limit;
using bqq::Progress;
using bqq::TrainingRows;
using bqq::test::gaussian_vectors;
using testing::HasSubstr;

constexpr size_t kDimension = 8, kVectors = 1000;

TEST(OutlierLimit, IsNineTimesTheLargestOfTheNearest) {
    std::vector<double> squared(1000, 1.0);
    for (size_t i = 0; i < 15; ++i) squared[7 * i] = 1e30;
    EXPECT_EQ(outlier_limit(squared), 9);
    squared[400] = 2; // with the fifteen, more than may be set aside
    EXPECT_EQ(outlier_limit(squared), 18);
}

TEST(OutlierLimit, DoesNotCountVectorsThatAreAllTheSame) {
    std::vector<double> squared(1000, 0.0);
    EXPECT_EQ(outlier_limit(squared), std::numeric_limits<double>::infinity());
    for (size_t i = 0; i < 5; ++i) squared[i] = 3;
    EXPECT_EQ(outlier_limit(squared), 27);
}

TEST(TrainingRows, AreTheCallersWhereNoneLiesFar) {
    const std::vector<float> x = gaussian_vectors(kVectors, kDimension, 1);
    const TrainingRows rows(kVectors, x.data(), kDimension, 1, {});
    EXPECT_EQ(rows.data(), x.data());
    EXPECT_EQ(rows.size(), kVectors);
}

TEST(TrainingRows, AreTheOthersWhereSomeLieFar) {
    std::vector<float> x = gaussian_vectors(kVectors, kDimension, 1);
    std::vector<float> others = x;
    others.erase(others.begin() + 900 * kDimension, others.begin() + 901 * kDimension);
    others.erase(others.begin() + 17 * kDimension, others.begin() + 18 * kDimension);
    x[17 * kDimension + 3] = std::numeric_limits<float>::max();
    x[900 * kDimension] = -1e3f;
    std::string said;
    Progress progress;
    progress.log = [&](const std::string& message) { said = message; };
    const TrainingRows rows(kVectors, x.data(), kDimension, 1, progress);
    ASSERT_EQ(rows.size(), kVectors - 2);
    EXPECT_EQ(std::vector<float>(rows.data(), rows.data() + rows.size() * kDimension), others);
    EXPECT_THAT(said, HasSubstr("2 of 1000"));
    EXPECT_THAT(said, HasSubstr("row 17"));
}

TEST(TrainingRows, StayWhereTooFewWouldBeLeft) {
    std::vector<float> x = gaussian_vectors(kVectors, kDimension, 1);
    x[17] = 1e10f;
    EXPECT_EQ(TrainingRows(kVectors, x.data(), kDimension, kVectors, {}).size(), kVectors);
    EXPECT_EQ(TrainingRows(kVectors, x.data(), kDimension, kVectors - 1, {}).size(), kVectors - 1);
}

} // namespace codec_outliers_test
