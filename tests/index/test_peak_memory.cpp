// What docs/trust.md says of peak memory, with the address space limited to it.
#include "sanitized.h"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>

namespace peak_memory_test {

constexpr double kOfProcess = 1e6; // what malloc() keeps, and buffers of threads

struct Case {
    std::string factory;
    double n, d, M;
    double bases = 1, nlist = 0;
};

double code_bytes(const Case& index) {
    const double of_list = index.nlist > 0 ? std::ceil(std::log2(index.n)) / 8 : 1;
    return index.M / 8 + 3 + of_list;
}

double shared_bytes(const Case& index) {
    return index.bases * 8 * index.M * (index.d / 8 + 2) + 4 * index.nlist * index.d;
}

double file_bytes(const Case& index) {
    return index.n * code_bytes(index) + shared_bytes(index);
}

double train_bytes(const Case& index) {
    const auto& [factory, n, d, M, bases, nlist] = index;
    const double sample = std::min(n, 256 * M);
    const double solve = 32 * M * (M + d) + 32768 * M;
    const double scales = std::min(sample, 65536.0) * (4 * M + 64);
    const double clusters = 6 * d * std::min(n, 256 * std::max(nlist, bases > 1 ? bases : 0));
    const double kmeans = nlist > 0 ? 4096 * 1024 * 4 : 0; // products that FAISS's has at a time
    const double lists = nlist > 0 ? 16384 * d + 32 * n : 0;
    const double basis =
            sample * (4 * d + 48) + 4 * d * std::min(sample, 64 * M) + std::max(solve, scales);
    return 24 * n + std::max(clusters + kmeans, lists + basis) + shared_bytes(index) + kOfProcess;
}

double add_bytes(const Case& index) {
    // Lists of an inverted file grow, and are copied when they do.
    const double copies = index.nlist > 0 ? 2 : 1;
    return copies * index.n * code_bytes(index) + 8192 * (code_bytes(index) + 12) +
           (index.nlist > 0 ? 16 * index.n : 0) + kOfProcess;
}

double search_bytes(const Case& index) {
    return 2 * 128 * 64 * index.M + kOfProcess; // two threads of so many queries
}

double load_bytes(const Case& index) { // the file is mapped while it is read
    return 2 * file_bytes(index) + 400 * index.nlist + kOfProcess;
}

double map_bytes(const Case& index) {
    return file_bytes(index) + 400 * index.nlist + kOfProcess;
}

class PeakMemory : public testing::TestWithParam<Case> {
protected:
    void SetUp() override {
        if (BQQ_SANITIZED) GTEST_SKIP() << "sanitizers take address space of their own";
    }

    /// The exit status of limited_memory.
    int status(const std::string& stage, double bytes) const {
        const auto number = [](double value) {
            return " " + std::to_string(static_cast<size_t>(value));
        };
        const Case& index = GetParam();
        const std::string line = "OMP_NUM_THREADS=2 OPENBLAS_NUM_THREADS=2 '" BQQ_LIMITED_MEMORY
                                 "' '" +
                                 index.factory + "'" + number(index.n) + number(index.d) + " " +
                                 stage + number(bytes) + " 2>/dev/null";
        const int result = std::system(line.c_str());
        return WIFEXITED(result) ? WEXITSTATUS(result) : -1;
    }
};
INSTANTIATE_TEST_SUITE_P(
        Kinds, PeakMemory,
        testing::Values(
                Case{"BQQ64", 60000, 32, 64}, Case{"BQQ256", 10000, 64, 256},
                Case{"BQQ64", 6000, 384, 64}, Case{"BQQ32z8g8", 20000, 32, 32, 8},
                Case{"IVF64,BQQ64", 20000, 64, 64, 1, 64}),
        [](const auto& kind) {
            std::string name =
                    kind.param.factory + "_" + std::to_string(static_cast<int>(kind.param.d));
            std::erase(name, ',');
            return name;
        });

TEST_P(PeakMemory, IsWithinItsFormula) {
    const Case& index = GetParam();
    EXPECT_EQ(status("train", train_bytes(index)), 0) << train_bytes(index);
    EXPECT_EQ(status("add", add_bytes(index)), 0) << add_bytes(index);
    EXPECT_EQ(status("search", search_bytes(index)), 0) << search_bytes(index);
    EXPECT_EQ(status("load", load_bytes(index)), 0) << load_bytes(index);
    EXPECT_EQ(status("map", map_bytes(index)), 0) << map_bytes(index);
}

/// The formula is no more than several times what is needed, and an end of memory is an exception.
TEST_P(PeakMemory, IsNotAFractionOfItsFormula) {
    constexpr double kFraction = 0.3;
    EXPECT_EQ(status("train", kFraction * train_bytes(GetParam())), 1);
}

} // namespace peak_memory_test
