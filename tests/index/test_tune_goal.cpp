#include "index/tune_goal.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tune_goal_test {

using bqq::TunedIndex;
using bqq::TuneGoal;
using bqq::Wish;

const std::vector<TunedIndex> tried{
        {"small", {}, 10, 0.60, 0.20},   {"small, fast", {}, 10.2, 0.60, 0.05},
        {"middle", {}, 20, 0.800, 0.30}, {"middle, fast", {}, 26, 0.796, 0.10},
        {"large", {}, 100, 0.96, 0.90},  {"large, fast", {}, 140, 0.955, 0.40},
};

std::string choice(const Wish& wish) {
    return TuneGoal(wish).choose(tried).factory;
}

TEST(TuneGoal, MostRecallInTheBytesAndOfEqualsTheFastest) {
    EXPECT_EQ(choice({.max_bytes = 25}), "middle");
    EXPECT_EQ(choice({.max_bytes = 30}), "middle, fast");
    EXPECT_EQ(choice({.max_bytes = 30, .max_ms = 0.07}), "small, fast");
}

TEST(TuneGoal, FewestBytesForTheRecallAndOfEqualsTheFastest) {
    EXPECT_EQ(choice({.min_recall = 0.6}), "small, fast");
    EXPECT_EQ(choice({.min_recall = 0.7}), "middle");
    EXPECT_EQ(choice({.min_recall = 0.7, .max_ms = 0.2}), "middle, fast");
}

TEST(TuneGoal, FastestForRecallInBytes) {
    EXPECT_EQ(choice({.max_bytes = 150, .min_recall = 0.7}), "middle, fast");
    EXPECT_EQ(choice({.max_bytes = 150, .min_recall = 0.9}), "large, fast");
}

TEST(TuneGoal, MuchRecallWhereOnlyTheTimeIsLimitedElseTheMost) {
    EXPECT_EQ(choice({.max_ms = 1}), "large");
    EXPECT_EQ(choice({.max_ms = 0.5}), "large, fast");
    EXPECT_EQ(choice({.max_ms = 0.35}), "middle"); // as much recall in fewer bytes
    EXPECT_EQ(choice({.max_ms = 0.06}), "small, fast");
}

TEST(TuneGoal, WhatLacksLeastWhereNothingFulfils) {
    EXPECT_EQ(choice({.max_bytes = 8}), "small");
    EXPECT_EQ(choice({.min_recall = 0.99}), "large");
    EXPECT_EQ(choice({.max_bytes = 5, .min_recall = 0.99}), "middle");
    EXPECT_EQ(choice({.max_ms = 0.04}), "small, fast");
}

} // namespace tune_goal_test
