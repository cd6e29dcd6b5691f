// Files and results do not depend on the number of threads, on how queries are grouped, or on the
// instruction set.
#include "base/omp_threads.h"
#include "coded_matrix.h"
#include "index_bytes.h"
#include "random_data.h"
#include "search_results.h"
#include "targets.h"

#include <bqq/index/IndexHNSWBQQ.h>
#include <bqq/index/index_factory.h>
#include <faiss/IndexIVF.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace same_answers_test {

using bqq::OmpThreads;
using bqq::test::CodedMatrix;
using bqq::test::Results;
using bqq::test::search;
using bqq::test::target_name;
using bqq::test::targets;
using bqq::test::TargetTest;
using bqq::test::to_bytes;

constexpr int kD = 40, kK = 10;
constexpr int64_t kVectors = 1300, kQueries = 30;

struct Kind {
    std::string factory;
    faiss::MetricType metric = faiss::METRIC_L2;
};

/// One basis, several, tied atoms, codes that a scan leaves early, lists, and many of them.
const std::vector<Kind> kKinds = {{"BQQ64"},         {"BQQ64", faiss::METRIC_INNER_PRODUCT},
                                  {"BQQ48g3"},       {"BQQ400t"},
                                  {"IVF20,BQQ64"},   {"IVF20,BQQ64", faiss::METRIC_INNER_PRODUCT},
                                  {"IVF20,BQQ48g3"}, {"IVF300,BQQ64"}};

const std::vector<float>& base() {
    static const std::vector<float> x = bqq::test::gaussian_vectors(kVectors, kD, 1, 1.0);
    return x;
}

const std::vector<float>& queries() {
    static const std::vector<float> x = bqq::test::gaussian_vectors(kQueries, kD, 2, 1.0);
    return x;
}

std::unique_ptr<faiss::Index> read(const std::string& bytes) {
    auto index = bqq::test::from_bytes(bytes);
    if (auto* ivf = dynamic_cast<faiss::IndexIVF*>(index.get())) ivf->nprobe = 8;
    return index;
}

/// The file of an index that was trained, and to which vectors were added, now.
std::string built(const Kind& kind) {
    const auto index = bqq::index_factory(kD, kind.factory, kind.metric);
    bqq::test::train_and_add(*index, base());
    return to_bytes(*index);
}

/// A search in batches of n queries.
Results search_by(const faiss::Index& index, int64_t n) {
    Results all;
    for (int64_t first = 0; first < kQueries; first += n) {
        const int64_t last = std::min(kQueries, first + n);
        const std::vector<float> batch(
                queries().begin() + first * kD, queries().begin() + last * kD);
        const Results part = search(index, batch, kK);
        all.distances.insert(all.distances.end(), part.distances.begin(), part.distances.end());
        all.labels.insert(all.labels.end(), part.labels.begin(), part.labels.end());
    }
    return all;
}

/// Of the best instruction set, with two threads and all queries at once.
struct Expected {
    std::string file;
    Results results;
};
const Expected& expected(size_t kind) {
    static std::map<size_t, Expected> all;
    Expected& found = all[kind];
    if (found.file.empty()) {
        const OmpThreads two(2);
        found.file = built(kKinds[kind]);
        found.results = search(*read(found.file), queries(), kK);
    }
    return found;
}

/// Whether products and sums are rounded together.
bool has_fused_multiply_add(int64_t target) {
    return (target & (HWY_SSSE3 | HWY_SSE4 | HWY_EMU128 | HWY_SCALAR)) == 0;
}

class SameAnswers : public TargetTest {
protected:
    /// Before the target is chosen.
    static void SetUpTestSuite() {
        for (size_t kind = 0; kind < kKinds.size(); ++kind) (void)expected(kind);
    }
};
INSTANTIATE_TEST_SUITE_P(Targets, SameAnswers, testing::ValuesIn(targets()), target_name);

TEST_P(SameAnswers, WhateverTheThreadsAndBatches) {
    for (size_t kind = 0; kind < kKinds.size(); ++kind) {
        SCOPED_TRACE(kKinds[kind].factory);
        const auto index = read(expected(kind).file);
        const Results wanted = search(*index, queries(), kK);
        for (const int threads : {1, 2, 3, 8}) {
            const OmpThreads limit(threads);
            for (const int64_t batch : {int64_t{1}, int64_t{7}, kQueries})
                EXPECT_EQ(search_by(*index, batch), wanted)
                        << threads << " threads, batches of " << batch;
        }
    }
}

TEST_P(SameAnswers, WhateverTheInstructionSet) {
    for (size_t kind = 0; kind < kKinds.size(); ++kind) {
        SCOPED_TRACE(kKinds[kind].factory);
        const Results& wanted = expected(kind).results;
        const Results found = search(*read(expected(kind).file), queries(), kK);
        if (has_fused_multiply_add(GetParam())) {
            EXPECT_EQ(found, wanted);
            continue;
        }
        size_t others = 0;
        for (size_t i = 0; i < found.labels.size(); ++i) {
            EXPECT_NEAR(
                    found.distances[i], wanted.distances[i],
                    2e-5 * (1 + std::fabs(wanted.distances[i])));
            others += found.labels[i] != wanted.labels[i] ? 1 : 0;
        }
        EXPECT_LE(others, 2u); // all but equal distances
    }
}

TEST_P(SameAnswers, AndTheSameFiles) {
    if (!has_fused_multiply_add(GetParam())) return; // see bqq::Quantizer
    for (size_t kind = 0; kind < kKinds.size(); ++kind)
        for (const int threads : {1, 3}) {
            const OmpThreads limit(threads);
            EXPECT_EQ(built(kKinds[kind]), expected(kind).file) << kKinds[kind].factory;
        }
}

class SameMatrices : public TargetTest {};
INSTANTIATE_TEST_SUITE_P(Targets, SameMatrices, testing::ValuesIn(targets()), target_name);

TEST_P(SameMatrices, WhateverTheInstructionSet) {
    if (!has_fused_multiply_add(GetParam())) return;
    for (const auto solver : {bqq::MatrixSolver::flips, bqq::MatrixSolver::amfd}) {
        const CodedMatrix here(solver);
        hwy::SetSupportedTargetsForTest(0);
        const CodedMatrix best(solver);
        hwy::SetSupportedTargetsForTest(GetParam());
        EXPECT_TRUE(here == best);
    }
}

TEST(SameGraph, WhereItIsReproducible) {
    const auto build = [](bool reproducible, int threads) {
        const OmpThreads limit(threads);
        const auto index = bqq::index_factory(kD, "HNSW16,BQQ64");
        auto& graph = dynamic_cast<bqq::IndexHNSWBQQ&>(*index);
        graph.reproducible = reproducible;
        graph.train(kVectors, base().data());
        graph.add(kVectors - 9, base().data());
        graph.add(9, base().data() + (kVectors - 9) * kD);
        EXPECT_EQ(omp_get_max_threads(), threads);
        return to_bytes(graph);
    };
    const std::string wanted = build(false, 1);
    for (const int threads : {2, 8})
        for (int i = 0; i < 3; ++i) EXPECT_EQ(build(true, threads), wanted);
}

} // namespace same_answers_test
