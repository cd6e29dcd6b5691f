#pragma once

#include <gtest/gtest.h>
#include <hwy/detect_targets.h>
#include <hwy/targets.h>

#include <cstdint>
#include <string>
#include <vector>

namespace bqq::test {

/// One for each instruction set that this machine has and kernels are compiled for.
inline std::vector<int64_t> targets() {
    std::vector<int64_t> all;
    for (int64_t rest = hwy::SupportedTargets() & HWY_TARGETS; rest != 0; rest &= rest - 1)
        all.push_back(rest & -rest);
    return all;
}

inline std::string target_name(const testing::TestParamInfo<int64_t>& info) {
    const std::string name = hwy::TargetName(info.param);
    return name == "Unknown" ? name + std::to_string(info.index) : name;
}

/// Runs the kernels of one instruction set.
class TargetTest : public testing::TestWithParam<int64_t> {
protected:
    void SetUp() override { hwy::SetSupportedTargetsForTest(GetParam()); }
    void TearDown() override { hwy::SetSupportedTargetsForTest(0); }
};

} // namespace bqq::test
