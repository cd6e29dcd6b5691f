#include "codec/bfloat16.h"
#include "random_data.h"
#include "search_results.h"

#include <bqq/index/index_factory.h>
#include <bqq/index/index_io.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <memory>
#include <vector>

namespace bfloat16_test {

using bqq::to_bfloat16;

TEST(Bfloat16, RoundsToTheNearest) {
    for (const float x : bqq::test::normal_numbers(1000, 1, 1)) {
        const float rounded = to_bfloat16(x);
        EXPECT_TRUE(bqq::are_bfloat16(&rounded, 1));
        EXPECT_LE(std::fabs(rounded - x), std::ldexp(std::fabs(x), -8)) << x;
        EXPECT_EQ(bqq::from_bfloat16_bits(bqq::bfloat16_bits(rounded)), rounded);
    }
    EXPECT_TRUE(std::isfinite(to_bfloat16(std::numeric_limits<float>::max())));
    EXPECT_EQ(to_bfloat16(0.0f), 0.0f);
    const float third = 1.0f / 3;
    EXPECT_FALSE(bqq::are_bfloat16(&third, 1));
}

TEST(Bfloat16, RoundsOnlyWhereItIsHarmless) {
    const std::vector<float> x = bqq::test::normal_numbers(100, 1, 1);
    std::vector<float> rounded = x;
    bqq::round_to_bfloat16(rounded.data(), rounded.size(), 1e-6);
    EXPECT_EQ(rounded, x);
    bqq::round_to_bfloat16(rounded.data(), rounded.size(), 1);
    EXPECT_TRUE(bqq::are_bfloat16(rounded.data(), rounded.size()));
}

/// Far from the origin sixteen bits of a mean are wider apart than the vectors. (FAISS's k-means,
/// and so an inverted file, hangs there.)
TEST(Bfloat16, VectorsFarFromTheOriginAreFoundAsNearIt) {
    constexpr int d = 16;
    constexpr int64_t n = 2000, k = 10;
    const std::vector<float> near = bqq::test::gaussian_vectors(n, d, 1);
    // Of the vectors near the origin: IndexFlat itself confuses those far out.
    const std::unique_ptr<faiss::Index> exact(bqq::index_factory(d, "Flat"));
    exact->add(n, near.data());
    const auto truth = bqq::test::search(*exact, {near.begin(), near.begin() + 100 * d}, k).labels;
    for (const char* description : {"BQQ96", "BQQ96g2"}) {
        SCOPED_TRACE(description);
        double found[2] = {};
        for (const bool far : {false, true}) {
            std::vector<float> x = near;
            for (float& value : x) value += far ? 4096.0f : 0.0f;
            std::unique_ptr<faiss::Index> index(bqq::index_factory(d, description));
            bqq::test::train_and_add(*index, x);
            index = std::unique_ptr<faiss::Index>(bqq::clone_index(index.get()));
            const std::vector<float> queries(x.begin(), x.begin() + 100 * d);
            found[far ? 1 : 0] =
                    bqq::test::recall(bqq::test::search(*index, queries, k).labels, truth, k);
        }
        EXPECT_GT(found[0], 0.5);
        EXPECT_NEAR(found[1], found[0], 0.05);
    }
}

} // namespace bfloat16_test
