#include "kernels/dot_rows.h"
#include "kernels/flips.h"
#include "kernels/scan.h"
#include "kernels/weighted_rows.h"
#include "random_data.h"
#include "search/quantized_query.h"
#include "targets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace kernels_test {

using bqq::QuantizedQuery;
using bqq::kernels::kBlock;
using bqq::kernels::PackedRows;
using bqq::kernels::ScanFilter;
using bqq::kernels::ScanTables;
using bqq::test::normal_numbers;
using bqq::test::target_name;
using bqq::test::targets;
using bqq::test::TargetTest;

class ScanKernel : public TargetTest {};
class DotRows : public TargetTest {};
INSTANTIATE_TEST_SUITE_P(Targets, ScanKernel, testing::ValuesIn(targets()), target_name);
INSTANTIATE_TEST_SUITE_P(Targets, DotRows, testing::ValuesIn(targets()), target_name);

constexpr size_t kAtomCounts[] = {1, 7, 8, 64, 100, 128, 200, 384, 512, 1000, 8192};

/// Sum of q_k over the bits of a code by two's complement bit planes: sum_b 2^b popcount(q_b AND
/// code), the sign plane negative, with as many planes as each word of 64 bits needs.
int popcount_score(const std::vector<int>& q, const std::vector<uint8_t>& code) {
    int score = 0;
    for (size_t begin = 0; begin < q.size(); begin += 64) {
        const size_t end = std::min(q.size(), begin + 64);
        uint64_t word = 0;
        int planes = 1;
        for (size_t k = begin; k < end; ++k) {
            word |= uint64_t{(code[k / 8] >> (k % 8)) & 1u} << (k - begin);
            while (q[k] < -(1 << (planes - 1)) || q[k] >= 1 << (planes - 1)) ++planes;
        }
        for (int b = 0; b < planes; ++b) {
            uint64_t plane = 0;
            for (size_t k = begin; k < end; ++k)
                plane |= uint64_t{(static_cast<unsigned>(q[k]) >> b) & 1u} << (k - begin);
            const int weight = b == planes - 1 ? -(1 << b) : 1 << b;
            score += weight * std::popcount(plane & word);
        }
    }
    return score;
}

/// The constant that the scan's scores leave out: the least sum there is.
int least_score(const std::vector<int>& q) {
    int least = 0;
    for (int weight : q) least += std::min(weight, 0);
    return least;
}

std::vector<float> weights(size_t M, double decay, uint64_t seed) {
    std::vector<float> w = normal_numbers(1, M, seed);
    for (size_t k = 0; k < M; ++k)
        w[k] *= static_cast<float>(std::pow(static_cast<double>(k + 1), -decay));
    return w;
}

/// Interleaved codes of random bytes, signs and scales, and any one of them.
struct Blocks {
    size_t code_bytes, row_bytes, size;
    std::vector<uint8_t> bytes;

    Blocks(size_t code_bytes_, size_t scale_bytes, size_t size_, uint64_t seed)
            : code_bytes(code_bytes_),
              row_bytes(code_bytes_ + scale_bytes),
              size(size_),
              bytes(size_ * row_bytes + bqq::kernels::kSlack) {
        std::mt19937_64 random(seed);
        for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
        const size_t width = std::min(size, kBlock);
        for (size_t j = 0; j < code_bytes; ++j) { // the sums of all and of no weights
            bytes[j * width] = 0;
            bytes[j * width + 1] = 0xff;
        }
    }
    bqq::kernels::InterleavedCodes codes() const { return {bytes.data(), size, row_bytes}; }
    std::vector<uint8_t> row(size_t i) const {
        const size_t first = i / kBlock * kBlock;
        const size_t width = std::min(kBlock, size - first);
        std::vector<uint8_t> row(row_bytes);
        for (size_t j = 0; j < row_bytes; ++j)
            row[j] = bytes[first * row_bytes + j * width + i - first];
        return row;
    }
};

TEST_P(ScanKernel, ScoresEqualPopcountsOfBitPlanes) {
    for (const size_t M : kAtomCounts)
        for (const int bits : {2, 8, 12})
            for (const double decay : {0.0, 1.0, 3.0}) {
                SCOPED_TRACE(
                        testing::Message() << "M " << M << " bits " << bits << " decay " << decay);
                QuantizedQuery query;
                query.assign(weights(M, decay, M), bits);
                const ScanTables tables = query.tables();
                for (const size_t width :
                     {kBlock, kBlock - 1, kBlock / 2 + 1, kBlock / 2, size_t{2}}) {
                    const Blocks blocks(tables.code_bytes(), 0, width, M);
                    uint16_t scores[kBlock];
                    bqq::kernels::block_scores(tables, blocks.bytes.data(), width, scores);
                    const int least = least_score(query.integers());
                    for (size_t i = 0; i < width; ++i)
                        ASSERT_EQ(
                                scores[i] + least, popcount_score(query.integers(), blocks.row(i)))
                                << "code " << i << " of " << width;
                }
            }
}

TEST_P(ScanKernel, ScoresReachTheLargestThatIsAllowed) {
    // All weights equal and the most bits: the sum of all integers is as large as assign() lets it
    // become.
    for (const size_t M : {8, 16, 512, 1000}) {
        QuantizedQuery query;
        query.assign(std::vector<float>(M, 1.0f), 12);
        const Blocks blocks(query.tables().code_bytes(), 0, kBlock, 5);
        uint16_t scores[kBlock];
        bqq::kernels::block_scores(query.tables(), blocks.bytes.data(), kBlock, scores);
        int all = 0;
        for (int q : query.integers()) all += q;
        EXPECT_EQ(scores[0], 0) << M;
        EXPECT_EQ(scores[1], all) << M;
        EXPECT_LE(all, static_cast<int>(bqq::kernels::kMaxScore)) << M;
    }
}

TEST_P(ScanKernel, ScoresOfAZeroQueryAreZero) {
    for (const float weight : {0.0f, std::numeric_limits<float>::denorm_min()}) {
        QuantizedQuery query;
        query.assign(std::vector<float>(100, weight), 8);
        const Blocks blocks(query.tables().code_bytes(), 0, kBlock, 5);
        uint16_t scores[kBlock];
        bqq::kernels::block_scores(query.tables(), blocks.bytes.data(), kBlock, scores);
        EXPECT_THAT(scores, testing::Each(0));
        EXPECT_EQ(query.slope() * 0 + query.offset(), 0);
    }
}

constexpr ScanFilter kFilter{true, 240, 0x3f000000, 0x10000, -2.0f, 1e-4f, 0, 0};

/// The bound of ScanFilter's formula, in double.
double filter_key(const ScanFilter& f, int score, const uint8_t* scales) {
    if (scales[0] > f.last_near) return -std::numeric_limits<double>::infinity();
    const double alpha = scales[0] == 0 ? 0
                                        : static_cast<double>(std::bit_cast<float>(
                                                  f.alpha_first + f.alpha_step * scales[0]));
    const double dot = static_cast<double>(f.slope) * score + static_cast<double>(f.offset);
    if (!f.has_norm) return -alpha * dot;
    const double r = static_cast<double>(f.norm_first) +
                     static_cast<double>(f.norm_step) * (scales[1] | scales[2] << 8);
    return r * std::fabs(r) - alpha * dot;
}

TEST_P(ScanKernel, SurvivorsAreTheCodesBelowTheThreshold) {
    for (const size_t M : {7, 64, 200})
        for (const bool has_norm : {true, false})
            for (const size_t n : {6 * kBlock, 5 * kBlock + 9, kBlock / 2 - 3}) {
                SCOPED_TRACE(testing::Message() << "M " << M << " norm " << has_norm << " n " << n);
                QuantizedQuery query;
                query.assign(weights(M, 0.5, M), 8);
                const ScanTables tables = query.tables();
                Blocks blocks(tables.code_bytes(), has_norm ? 3 : 1, n, M + 1);
                blocks.bytes[tables.code_bytes() * std::min(n, kBlock) + 5] = 0; // alpha of code 5
                ScanFilter filter = kFilter;
                filter.has_norm = has_norm;
                filter.slope = 2 * query.slope();
                filter.offset = 2 * query.offset();
                std::vector<double> keys(n);
                double largest = 0;
                for (size_t i = 0; i < n; ++i) {
                    const std::vector<uint8_t> row = blocks.row(i);
                    const int score =
                            popcount_score(query.integers(), row) - least_score(query.integers());
                    keys[i] = filter_key(filter, score, row.data() + tables.code_bytes());
                    if (std::isfinite(keys[i])) largest = std::max(largest, std::fabs(keys[i]));
                }
                const double rounding = 1e-5 * largest;
                std::vector<double> sorted = keys;
                std::sort(sorted.begin(), sorted.end());
                const auto far = static_cast<size_t>(std::count_if(
                        keys.begin(), keys.end(), [](double key) { return std::isinf(key); }));
                for (const size_t rank : {far + 1, far + n / 50 + 1, n / 2, n - 1}) {
                    const auto threshold =
                            static_cast<float>((sorted[rank - 1] + sorted[rank]) / 2);
                    std::vector<bool> survived(n);
                    uint64_t mask = 0;
                    float bounds[kBlock];
                    const size_t count = blocks.codes().blocks();
                    for (size_t b = 0; b < count; ++b) {
                        b = bqq::kernels::next_survivors(
                                tables, filter, blocks.codes(), b, count, threshold, &mask, bounds);
                        if (b == count) break;
                        EXPECT_NE(mask, 0u);
                        for (size_t i = 0; i < kBlock; ++i) {
                            if ((mask >> i & 1) == 0) continue;
                            ASSERT_LT(b * kBlock + i, n);
                            survived[b * kBlock + i] = true;
                            const double key = keys[b * kBlock + i];
                            if (std::isinf(key)) {
                                EXPECT_EQ(bounds[i], key);
                            } else {
                                EXPECT_NEAR(bounds[i], key, rounding);
                            }
                        }
                    }
                    for (size_t i = 0; i < n; ++i) {
                        if (std::fabs(keys[i] - static_cast<double>(threshold)) < rounding)
                            continue;
                        ASSERT_EQ(survived[i], keys[i] < static_cast<double>(threshold))
                                << "code " << i << " key " << keys[i] << " threshold " << threshold;
                    }
                }
            }
}

TEST_P(ScanKernel, NoSurvivorsLeadToTheEnd) {
    QuantizedQuery query;
    query.assign(weights(64, 0, 1), 8);
    const Blocks blocks(8, 3, 4 * kBlock, 1);
    ScanFilter filter = kFilter;
    filter.last_near = 255;
    uint64_t mask = 0;
    float bounds[kBlock];
    EXPECT_EQ(
            3u, bqq::kernels::next_survivors(
                        query.tables(), filter, blocks.codes(), 1, 3, -1e30f, &mask, bounds));
    EXPECT_EQ(
            1u, bqq::kernels::next_survivors(
                        query.tables(), filter, blocks.codes(), 1, 3, 1e30f, &mask, bounds));
    EXPECT_EQ(mask, ~uint64_t{0});
}

TEST_P(ScanKernel, BlocksWithinAreThoseWithACodeBelowTheThreshold) {
    constexpr size_t kCodeBytes = 25;
    for (const size_t first_bytes : {size_t{8}, size_t{16}, kCodeBytes})
        for (const bool has_norm : {true, false})
            for (const size_t n : {40 * kBlock, 5 * kBlock + 9}) {
                SCOPED_TRACE(testing::Message() << first_bytes << " bytes, norm " << has_norm);
                QuantizedQuery query;
                query.assign(weights(8 * first_bytes, 0.5, 3), 6);
                const Blocks blocks(kCodeBytes, has_norm ? 3 : 1, n, n);
                ScanFilter filter = kFilter;
                filter.has_norm = has_norm;
                filter.last_near = 255;
                filter.slope = query.slope();
                filter.offset = query.offset();
                std::vector<float> least(blocks.codes().blocks(), 1e30f);
                for (size_t i = 0; i < n; ++i) {
                    const std::vector<uint8_t> row = blocks.row(i);
                    const int score =
                            popcount_score(
                                    query.integers(),
                                    {row.begin(),
                                     row.begin() + static_cast<std::ptrdiff_t>(first_bytes)}) -
                            least_score(query.integers());
                    float& of_block = least[i / kBlock];
                    of_block = std::min(
                            of_block,
                            static_cast<float>(filter_key(filter, score, &row[kCodeBytes])));
                }
                const size_t whole = n / kBlock; // blocks; a narrower one may follow
                std::vector<float> sorted(
                        least.begin() + 1, least.begin() + static_cast<std::ptrdiff_t>(whole));
                std::sort(sorted.begin(), sorted.end());
                for (const size_t rank : {size_t{0}, sorted.size() / 2, sorted.size() - 2}) {
                    const float threshold = (sorted[rank] + sorted[rank + 1]) / 2;
                    std::vector<size_t> expected;
                    for (size_t b = 1; b < whole; ++b)
                        if (least[b] < threshold) expected.push_back(b);
                    ASSERT_EQ(expected.size(), rank + 1);
                    std::vector<size_t> within(least.size());
                    within.resize(bqq::kernels::blocks_within(
                            query.tables(), filter, blocks.codes(), 1, least.size(), threshold,
                            within.data()));
                    if (!within.empty() && within.back() == whole) within.pop_back();
                    EXPECT_EQ(within, expected);
                }
                // A far vector may be anywhere.
                filter.last_near = 0;
                std::vector<size_t> within(least.size());
                EXPECT_EQ(
                        bqq::kernels::blocks_within(
                                query.tables(), filter, blocks.codes(), 0, least.size(), -1e30f,
                                within.data()),
                        least.size());
            }
}

TEST(QuantizedQuery, ScoreStandsForTheProductOfTheRoundedWeights) {
    for (const size_t M : kAtomCounts)
        for (int bits = 2; bits <= 12; ++bits) {
            const std::vector<float> w = weights(M, 0.3, M);
            QuantizedQuery query;
            query.assign(w, bits);
            const std::vector<int>& q = query.integers();
            double total = 0;
            double magnitude = 0;
            double error = 0;
            for (size_t k = 0; k < M; ++k) {
                EXPECT_LE(std::abs(q[k]), (1 << (bits - 1)) - 1);
                const double rest =
                        static_cast<double>(w[k]) - static_cast<double>(query.step()) * q[k];
                EXPECT_LE(std::fabs(rest), 0.501 * static_cast<double>(query.step()));
                total += q[k];
                magnitude += std::abs(q[k]);
                error += rest * rest;
            }
            EXPECT_NEAR(
                    query.error(), std::sqrt(error),
                    1e-4 * std::sqrt(error) + 1e-6 * static_cast<double>(query.step()) * magnitude);
            // The code with all bits zero has s = -1 and the score -least.
            const double dot = static_cast<double>(query.slope()) * -least_score(q) +
                               static_cast<double>(query.offset());
            EXPECT_NEAR(
                    dot, -static_cast<double>(query.step()) * total,
                    1e-5 * static_cast<double>(query.step()) * (magnitude + 1));
        }
}

TEST_P(ScanKernel, FloatProductIsThatOfTheSigns) {
    for (const size_t M : {1, 7, 100, 128, 250}) {
        const std::vector<float> w = weights(M, 0.3, M);
        QuantizedQuery query;
        query.assign(w, 8);
        const Blocks blocks((M + 7) / 8, 3, kBlock, M);
        for (size_t i = 0; i < kBlock; ++i) {
            const std::vector<uint8_t> code = blocks.row(i);
            double dot = 0;
            for (size_t k = 0; k < M; ++k)
                dot += (code[k / 8] >> (k % 8) & 1) != 0 ? static_cast<double>(w[k])
                                                         : -static_cast<double>(w[k]);
            EXPECT_NEAR(query.dot(blocks.bytes.data() + i, kBlock), dot, 1e-4)
                    << "M " << M << ", code " << i;
        }
    }
}

TEST_P(DotRows, EqualSumsInDouble) {
    for (const size_t d : {1, 3, 15, 16, 17, 64, 100, 1023, 1024, 1025, 2500})
        for (const size_t na : {1, 4, 17, 49})
            for (const size_t nb : {1, 2, 3, 9, 66}) {
                const size_t lda = d + 3, ldb = d + 1, ldc = nb + 2;
                const std::vector<float> a = normal_numbers(na, lda, d);
                const std::vector<float> b = normal_numbers(nb, ldb, d + 1);
                std::vector<float> c(na * ldc, -77);
                bqq::kernels::dot_rows(
                        a.data(), lda, na, PackedRows(b.data(), ldb, nb, d), c.data(), ldc);
                for (size_t i = 0; i < na; ++i) {
                    for (size_t j = 0; j < nb; ++j) {
                        double sum = 0;
                        for (size_t k = 0; k < d; ++k)
                            sum += static_cast<double>(a[i * lda + k]) *
                                   static_cast<double>(b[j * ldb + k]);
                        ASSERT_NEAR(
                                c[i * ldc + j], sum,
                                1e-5 * std::sqrt(static_cast<double>(d)) + 1e-6)
                                << "d " << d << " na " << na << " nb " << nb;
                    }
                    for (size_t j = nb; j < ldc; ++j)
                        ASSERT_EQ(c[i * ldc + j], -77) << "written beside the result";
                }
            }
}

TEST_P(DotRows, WeightedRowsAddUp) {
    for (const size_t d : {1, 15, 16, 17, 100, 127, 128, 129, 300})
        for (const size_t n : {0, 1, 2, 7}) {
            const std::vector<float> rows = normal_numbers(n, d, d);
            const std::vector<float> weights = normal_numbers(1, n, n + 1);
            const std::vector<float> before = normal_numbers(1, d + 1, n + 2);
            std::vector<float> sum = before;
            bqq::kernels::add_weighted_rows(weights.data(), rows.data(), n, d, sum.data());
            for (size_t j = 0; j < d; ++j) {
                double expected = before[j];
                for (size_t i = 0; i < n; ++i)
                    expected +=
                            static_cast<double>(weights[i]) * static_cast<double>(rows[i * d + j]);
                EXPECT_NEAR(sum[j], expected, 1e-5) << "d " << d << " n " << n << " j " << j;
            }
            EXPECT_EQ(sum[d], before[d]) << "written beside the result";
        }
}

TEST_P(DotRows, EachElementIsTheSameInEveryBatch) {
    constexpr size_t kRows = 130, kOthers = 75;
    for (const size_t d : {5, 33, 1100}) {
        const std::vector<float> a = normal_numbers(kRows, d, d);
        const std::vector<float> b = normal_numbers(kOthers, d, d + 1);
        std::vector<float> all(kRows * kOthers), parallel(kRows * kOthers);
        const PackedRows packed(b.data(), d, kOthers, d);
        bqq::kernels::dot_rows(a.data(), d, kRows, packed, all.data(), kOthers);
        bqq::kernels::dot_rows_parallel(
                a.data(), d, kRows, b.data(), d, kOthers, d, parallel.data(), kOthers);
        EXPECT_EQ(all, parallel);
        for (size_t i = 0; i < kRows; i += 3) {
            std::vector<float> row(kOthers);
            bqq::kernels::dot_rows(a.data() + i * d, d, 1, packed, row.data(), kOthers);
            for (size_t j = 0; j < kOthers; ++j) {
                float one = 0;
                const PackedRows alone(b.data() + j * d, d, 1, d);
                bqq::kernels::dot_rows(a.data() + i * d, d, 1, alone, &one, 1);
                ASSERT_EQ(one, all[i * kOthers + j]) << i << ' ' << j;
                ASSERT_EQ(row[j], all[i * kOthers + j]) << i << ' ' << j;
            }
        }
    }
}

TEST_P(DotRows, NoRowsAndNoColumns) {
    std::vector<float> c(4, -1);
    const std::vector<float> a(4, 1);
    bqq::kernels::dot_rows(a.data(), 2, 0, PackedRows(a.data(), 2, 2, 2), c.data(), 2);
    EXPECT_THAT(c, testing::Each(-1));
    bqq::kernels::dot_rows(a.data(), 2, 2, PackedRows(a.data(), 2, 2, 0), c.data(), 2);
    EXPECT_THAT(c, testing::Each(0));
}

} // namespace kernels_test
