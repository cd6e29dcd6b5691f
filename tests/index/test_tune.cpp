#include "index_bytes.h"
#include "random_data.h"
#include "sanitized.h"
#include "search_results.h"

#include <bqq/index/index_factory.h>
#include <bqq/index/search_parameters.h>
#include <bqq/index/tune.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace tune_test {

using bqq::TunedIndex;
using testing::HasSubstr;

constexpr int kD = 16;
constexpr size_t kVectors = BQQ_SANITIZED ? 1000 : 1500, kQueries = 100, kK = 5;

class Tune : public testing::TestWithParam<faiss::MetricType> {
protected:
    const std::vector<float> x = bqq::test::gaussian_vectors(kVectors, kD, 1);
    const std::vector<float> queries = bqq::test::gaussian_vectors(kQueries, kD, 2);
    /// What is tried does not depend on the speed of the machine.
    bqq::TuneParameters parameters{.k = kK, .seconds = 1e5, .measure_seconds = 1e-3};

    bqq::Tuned tune(const bqq::Wish& wish) const {
        return bqq::tune(
                kD, GetParam(), kVectors, x.data(), kQueries, queries.data(), wish, parameters);
    }

    /// What was measured is what a user finds who builds the index by its factory string.
    void expect_measured(const TunedIndex& tuned) const {
        const auto index = bqq::index_factory(kD, tuned.factory, GetParam());
        bqq::test::train_and_add(*index, x);
        for (const auto& [name, value] : tuned.search)
            bqq::ParameterSpace().set_index_parameter(index.get(), name, value);
        EXPECT_DOUBLE_EQ(
                tuned.bytes, static_cast<double>(bqq::test::to_bytes(*index).size()) / kVectors);
        EXPECT_NEAR(tuned.recall, bqq::test::recall_among(*index, x, queries, kK), 1e-6);
        EXPECT_GT(tuned.ms, 0);
    }
};
INSTANTIATE_TEST_SUITE_P(
        Metrics, Tune, testing::Values(faiss::METRIC_L2, faiss::METRIC_INNER_PRODUCT),
        [](const auto& metric) {
            return metric.param == faiss::METRIC_L2 ? "L2" : "InnerProduct";
        });

double most(
        const std::vector<TunedIndex>& tried, const std::function<double(const TunedIndex&)>& of) {
    double most = -1e9;
    for (const TunedIndex& index : tried) most = std::max(most, of(index));
    return most;
}

TEST_P(Tune, FindsTheHighestRecallInTheBytes) {
    const auto tuned = tune({.max_bytes = 9});
    EXPECT_TRUE(tuned.fulfils);
    EXPECT_LE(tuned.measured.bytes, 9);
    EXPECT_GT(tuned.measured.bytes, 7);
    EXPECT_GE(tuned.tried.size(), 4u);
    EXPECT_GE(tuned.measured.recall, most(tuned.tried, [](const TunedIndex& index) {
                                         return index.bytes <= 9 ? index.recall : 0;
                                     }) - 0.005);
    expect_measured(tuned.measured);
    EXPECT_EQ(tuned.predicted.factory, tuned.measured.factory);
    EXPECT_EQ(tuned.predicted.recall, tuned.measured.recall); // all vectors were tried
    EXPECT_EQ(tuned.predicted.bytes, tuned.measured.bytes);
}

TEST_P(Tune, FindsTheFewestBytesForTheRecall) {
    const auto tuned = tune({.min_recall = 0.7});
    EXPECT_TRUE(tuned.fulfils);
    EXPECT_GE(tuned.measured.recall, 0.7);
    EXPECT_LT(tuned.measured.recall, 0.8); // more would take more bytes
    const double fewest = -most(tuned.tried, [](const TunedIndex& index) {
        return index.recall >= 0.7 ? -index.bytes : -1e9;
    });
    EXPECT_LE(tuned.measured.bytes, 1.03 * fewest);
    expect_measured(tuned.measured);
}

TEST_P(Tune, FindsTheFastestOfThoseThatFulfilBoth) {
    const auto tuned = tune({.max_bytes = 30, .min_recall = 0.7});
    EXPECT_TRUE(tuned.fulfils);
    EXPECT_LE(tuned.predicted.ms, -most(tuned.tried, [](const TunedIndex& index) {
                  return index.recall >= 0.7 && index.bytes <= 30 ? -index.ms : -1e9;
              }));
}

/// So much time that all is in time; then much recall is aimed at.
TEST_P(Tune, AimsAtMuchRecallWhereOnlyTheTimeIsLimited) {
    const auto tuned = tune({.max_ms = 1e6});
    EXPECT_TRUE(tuned.fulfils);
    EXPECT_GE(tuned.measured.recall, 0.95);
    EXPECT_TRUE(std::ranges::any_of(tuned.tried, [](const TunedIndex& index) {
        return index.factory.starts_with("HNSW");
    }));
}

TEST_P(Tune, SaysWhatComesNearestToTheImpossible) {
    const auto tuned = tune({.max_bytes = 5, .min_recall = 0.99});
    EXPECT_FALSE(tuned.fulfils);
    EXPECT_LE(tuned.measured.bytes, 5);
    EXPECT_GT(tuned.measured.recall, 0.1);
}

/// One index is tried for its time, whatever its bytes.
TEST_P(Tune, IsNotFulfilledByMoreBytes) {
    const auto tuned = tune({.max_bytes = 2, .max_ms = 1e6});
    EXPECT_FALSE(tuned.fulfils);
    EXPECT_GT(tuned.measured.bytes, 2);
}

TEST_P(Tune, TellsOfManyVectorsByAFew) {
    parameters.most_vectors = kVectors / 2;
    constexpr int64_t kFew = 20;
    const auto tuned = bqq::tune(
            kD, GetParam(), kVectors, x.data(), kFew, queries.data(), {.max_bytes = 9}, parameters);
    EXPECT_NEAR(tuned.predicted.recall, tuned.measured.recall, 0.05);
    EXPECT_NEAR(tuned.predicted.bytes, tuned.measured.bytes, 0.01 * tuned.measured.bytes);
}

TEST_P(Tune, TellsWhatItTries) {
    std::vector<std::string> told;
    parameters.tried = [&](const TunedIndex& index) { told.push_back(index.text()); };
    const auto tuned = tune({.max_bytes = 9});
    std::vector<std::string> tried;
    for (const TunedIndex& index : tuned.tried) tried.push_back(index.text());
    EXPECT_EQ(told, tried);
}

TEST_P(Tune, RefusesWhatCannotBe) {
    const auto expect_error = [](const std::function<void()>& call, const std::string& message) {
        try {
            call();
            ADD_FAILURE() << "no error, wanted: " << message;
        } catch (const faiss::FaissException& error) {
            EXPECT_THAT(error.what(), HasSubstr(message));
        }
    };
    expect_error([&] { tune({}); }, "at least one of max_bytes, min_recall and max_ms");
    expect_error([&] { tune({.max_bytes = -1}); }, "max_bytes = -1");
    expect_error([&] { tune({.min_recall = 1.5}); }, "min_recall = 1.5");
    expect_error([&] { tune({.max_ms = 0}); }, "max_ms = 0");
    expect_error([&] { tune({.max_bytes = 1}); }, "max_bytes = 1,");
    const auto with = [&](int64_t n, int64_t nq) {
        bqq::tune(kD, GetParam(), n, x.data(), nq, queries.data(), {.max_bytes = 9}, parameters);
    };
    expect_error([&] { with(999, 1); }, "got 999 vectors");
    expect_error([&] { with(kVectors, 0); }, "got 0 queries");
    parameters.k = kVectors + 1;
    expect_error([&] { tune({.max_bytes = 9}); }, "k = " + std::to_string(kVectors + 1));
    parameters.k = kK;
    parameters.seconds = 0;
    expect_error([&] { tune({.max_bytes = 9}); }, "seconds = 0");
    parameters.seconds = 1;
    auto broken = x;
    broken[kD + 2] = std::numeric_limits<float>::quiet_NaN();
    expect_error(
            [&] {
                bqq::tune(
                        kD, GetParam(), kVectors, broken.data(), kQueries, queries.data(),
                        {.max_bytes = 9}, parameters);
            },
            "tune() (vectors) got nan at row 1, column 2");
    const std::vector<float> ones(kVectors * kD, 2);
    for (size_t i = 0; i < broken.size(); ++i) broken[i] = i % 2 == 0 ? 3e38f : -3e38f;
    expect_error(
            [&] {
                bqq::tune(
                        kD, faiss::METRIC_INNER_PRODUCT, kVectors, ones.data(), 2, broken.data(),
                        {.max_bytes = 9}, parameters);
            },
            "beyond the range of a float");
}

/// The time may be over when an inverted file is trained that was begun in time.
TEST_P(Tune, MeasuresWhatWasBegunInTime) {
    parameters.seconds = 2;
    bool begun = false;
    parameters.progress.step = [&](const std::string& stage, size_t, size_t) {
        if (!stage.starts_with("IVF") || begun) return;
        begun = true;
        std::this_thread::sleep_for(std::chrono::duration<double>(parameters.seconds));
    };
    const auto tuned = tune({.max_bytes = 30, .max_ms = 1e-6});
    EXPECT_EQ(
            std::ranges::count_if(
                    tuned.tried,
                    [](const TunedIndex& index) { return index.factory.starts_with("IVF"); }),
            begun ? 1 : 0);
    EXPECT_FALSE(tuned.fulfils);
}

} // namespace tune_test
