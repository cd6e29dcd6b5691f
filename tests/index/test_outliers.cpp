// Bad rows in the training set, and far vectors in the index.

#include <bqq/index/IndexIVFBQQ.h>
#include <bqq/index/index_factory.h>

#include "random_data.h"
#include "sanitized.h"
#include "search_results.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

namespace index_outliers_test {

using bqq::test::gaussian_vectors;
using bqq::test::Results;

constexpr size_t kDimension = 24, kVectors = BQQ_SANITIZED ? 1500 : 3000, kQueries = 300,
                 kBad = kVectors / 100;
constexpr int64_t kK = 10;

/// Rows that someone has spoiled. They are the last ones.
struct Spoiled {
    const char* name;
    bool are_far; ///< and are left out of the training
    std::function<void(float* row, size_t i)> spoil;
};

const std::vector<Spoiled>& kinds_of_rows() {
    static const std::vector<Spoiled> kinds{
            {"one value of 1e4", true, [](float* row, size_t i) { row[i % kDimension] = 1e4f; }},
            {"one value of the largest float", true,
             [](float* row, size_t i) { row[i % kDimension] = (i % 2 == 0 ? 1 : -1) * 3.4e38f; }},
            {"a thousand times", true,
             [](float* row, size_t) {
                 for (size_t j = 0; j < kDimension; ++j) row[j] *= 1e3f;
             }},
            {"1e30 times", true,
             [](float* row, size_t) {
                 for (size_t j = 0; j < kDimension; ++j) row[j] *= 1e30f;
             }},
            {"three times", false,
             [](float* row, size_t) {
                 for (size_t j = 0; j < kDimension; ++j) row[j] *= 3;
             }},
            {"all 20", true, [](float* row, size_t) { std::fill_n(row, kDimension, 20.0f); }},
            {"all 1e6", true, [](float* row, size_t) { std::fill_n(row, kDimension, 1e6f); }},
            {"all zero", false, [](float* row, size_t) { std::fill_n(row, kDimension, 0.0f); }},
    };
    return kinds;
}

class Outliers : public testing::TestWithParam<std::tuple<const char*, faiss::MetricType>> {
protected:
    const std::vector<float> clean = gaussian_vectors(kVectors - kBad, kDimension, 1);
    const std::vector<float> queries = gaussian_vectors(kQueries, kDimension, 2);
    const std::vector<float> last = gaussian_vectors(kBad, kDimension, 3);

    std::unique_ptr<faiss::Index> trained(const std::vector<float>& x) const {
        const auto [factory, metric] = GetParam();
        auto index = bqq::index_factory(kDimension, factory, metric);
        if (auto* ivf = dynamic_cast<bqq::IndexIVFBQQ*>(index.get())) ivf->nprobe = ivf->nlist;
        bqq::test::train_and_add(*index, x);
        return index;
    }

    std::vector<float> spoiled(const Spoiled& rows) const {
        std::vector<float> x = clean;
        x.insert(x.end(), last.begin(), last.end());
        for (size_t i = 0; i < kBad; ++i)
            rows.spoil(x.data() + (kVectors - kBad + i) * kDimension, i);
        return x;
    }

    /// 10-recall@10 among the clean rows.
    double recall_of_clean(const faiss::Index& index) const {
        const auto all = bqq::test::search(index, queries, kK + static_cast<int64_t>(kBad));
        Results found;
        for (size_t q = 0; q < kQueries; ++q) {
            size_t kept = 0;
            for (size_t r = 0; r < kK + kBad && kept < kK; ++r) {
                const float distance = all.distances[q * (kK + kBad) + r];
                EXPECT_TRUE(std::isfinite(distance));
                const int64_t label = all.labels[q * (kK + kBad) + r];
                if (label >= static_cast<int64_t>(kVectors - kBad)) continue;
                found.labels.push_back(label);
                ++kept;
            }
            EXPECT_EQ(kept, kK);
        }
        faiss::IndexFlat exact(kDimension, index.metric_type);
        exact.add(static_cast<int64_t>(kVectors - kBad), clean.data());
        return bqq::test::recall(found.labels, bqq::test::search(exact, queries, kK).labels, kK);
    }
};

TEST_P(Outliers, InOneOfAHundredRowsDoNotHurtTheOthers) {
    const double without = recall_of_clean(*trained(clean));
    for (const Spoiled& rows : kinds_of_rows()) {
        // Rows that stay in the training set change it a little: this has a spread of 0.009.
        const double least = rows.are_far ? without : without - 0.03;
        EXPECT_GE(recall_of_clean(*trained(spoiled(rows))), least) << rows.name;
    }
}

class OutlierDistances : public Outliers {};

TEST_P(OutlierDistances, AreTheirOwn) {
    for (const double factor : {1e2, 1e6, 1e12}) {
        std::vector<float> x = clean;
        for (const float value : last) x.push_back(value * static_cast<float>(factor));
        const auto index = trained(x);
        const std::vector<float> query(queries.begin(), queries.begin() + kDimension);
        const auto all = bqq::test::search(*index, query, kVectors);
        size_t found = 0;
        for (size_t r = 0; r < kVectors; ++r) {
            if (all.labels[r] < static_cast<int64_t>(kVectors - kBad)) continue;
            ++found;
            double distance = 0;
            for (size_t j = 0; j < kDimension; ++j) {
                const auto row = static_cast<size_t>(all.labels[r]);
                const double from = x[row * kDimension + j] - query[j];
                distance += from * from;
            }
            EXPECT_NEAR(all.distances[r], distance, 0.04 * distance) << factor;
        }
        EXPECT_EQ(found, kBad);
    }
}

TEST_P(Outliers, AddedAfterTrainingTakeNoPlaceFromTheOthers) {
    const auto index = trained(clean);
    const double before = recall_of_clean(*index);
    for (const Spoiled& rows : kinds_of_rows()) {
        const std::vector<float> x = spoiled(rows);
        index->add(kBad, x.data() + (kVectors - kBad) * kDimension);
    }
    if (index->metric_type == faiss::METRIC_INNER_PRODUCT) return; // the longest are the nearest
    const auto found = bqq::test::search(*index, queries, kK);
    const auto is_added = [](int64_t label) {
        return label >= static_cast<int64_t>(kVectors - kBad);
    };
    // The rows of zeros may be near.
    EXPECT_LT(
            std::count_if(found.labels.begin(), found.labels.end(), is_added),
            std::ssize(found.labels) / 50);
    EXPECT_GT(before, 0.5);
}

const auto kKinds =
        testing::Values("BQQ48", "BQQ48t", "BQQ48g4", "IVF8,BQQ48", "IVF8,BQQ48g2", "IVF8,BQQ96");

std::string name_of(const testing::TestParamInfo<Outliers::ParamType>& kind) {
    std::string name = std::get<0>(kind.param);
    std::replace(name.begin(), name.end(), ',', '_');
    return name + (std::get<1>(kind.param) == faiss::METRIC_L2 ? "_L2" : "_IP");
}

INSTANTIATE_TEST_SUITE_P(
        Kinds, Outliers,
        testing::Combine(kKinds, testing::Values(faiss::METRIC_L2, faiss::METRIC_INNER_PRODUCT)),
        name_of);
INSTANTIATE_TEST_SUITE_P(
        Kinds, OutlierDistances, testing::Combine(kKinds, testing::Values(faiss::METRIC_L2)),
        name_of);

/// A coarse quantizer that the caller trained, on the outlier as well.
TEST(OutliersOfLists, DoNotRuinTheBasis) {
    std::vector<float> x = gaussian_vectors(kVectors, kDimension, 1);
    const std::vector<float> queries = gaussian_vectors(kQueries, kDimension, 2);
    const auto recall_with = [&](float factor) {
        auto index = bqq::index_factory(kDimension, "IVF8,BQQ48");
        auto& ivf = dynamic_cast<bqq::IndexIVFBQQ&>(*index);
        ivf.nprobe = 8;
        ivf.quantizer->add(8, x.data()); // any vectors will do
        std::vector<float> with = x;
        for (size_t j = 0; j < kDimension; ++j) with[8 * kDimension + j] *= factor;
        bqq::test::train_and_add(*index, with);
        return bqq::test::recall_among(*index, with, queries, kK);
    };
    EXPECT_GT(recall_with(1e8f), recall_with(1) - 0.02);
}

// Query and vector so far out that no float holds the distance to a centroid.
TEST(FarVectors, HaveDistancesThatAreNumbers) {
    const std::vector<float> x = gaussian_vectors(300, 8, 1);
    for (const char* factory : {"BQQ12", "BQQ4g3", "IVF4,BQQ12"})
        for (const float far : {1e18f, 1e25f, 3e38f})
            for (const float query : {1.0f, 1e25f, 3e38f}) {
                const auto index = bqq::index_factory(8, factory);
                bqq::test::train_and_add(*index, x);
                std::vector<float> rows(2 * 8, 0.1f), q(8, 0.1f);
                rows[0] = rows[9] = far;
                rows[1] = rows[8] = -far;
                q[0] = query;
                q[1] = -query;
                index->add(2, rows.data());
                const Results found = bqq::test::search(*index, q, index->ntotal);
                EXPECT_EQ(
                        std::count_if(
                                found.distances.begin(), found.distances.end(),
                                [](float distance) { return std::isnan(distance); }),
                        0)
                        << factory << ", vectors at " << far << ", query at " << query;
            }
}

} // namespace index_outliers_test
