// Runs the tests; with BQQ_BEST_TARGET=SSE4 in the environment, with no better instruction set of
// Highway's than that one: AVX3_DL, AVX3, AVX2, SSE4, SSSE3 or EMU128.

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

/// @return whether there is such a target
bool limit_targets(const std::string& best) {
    for (int64_t target = 1; target > 0; target <<= 1) // better ones have lower bits
        if (best == hwy::TargetName(target)) {
            hwy::DisableTargets(target - 1);
            return true;
        }
    return false;
}

} // namespace

int main(int argc, char** argv) {
    const char* best = std::getenv("BQQ_BEST_TARGET");
    if (best != nullptr && !limit_targets(best)) {
        std::fprintf(stderr, "BQQ_BEST_TARGET=%s: no such target\n", best);
        return 1;
    }
    testing::InitGoogleTest(&argc, argv); // makes the tests of each target
    return RUN_ALL_TESTS();
}
