#include "kernels/aligned.h"
#include "kernels/bit_products.h"
#include "kernels/flips.h"
#include "kernels/mean_field.h"
#include "kernels/products.h"
#include "random_data.h"
#include "targets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace matrix_kernels_test {

using bqq::kernels::AlignedVector;
using bqq::kernels::BitRows;
using bqq::kernels::padded;
using bqq::test::normal_numbers;
using bqq::test::target_name;
using bqq::test::targets;
using bqq::test::TargetTest;
using Floats = AlignedVector<float>;

class MatrixKernels : public TargetTest {};
INSTANTIATE_TEST_SUITE_P(Targets, MatrixKernels, testing::ValuesIn(targets()), target_name);

constexpr size_t kSizes[] = {1, 3, 4, 5, 15, 16, 17, 33, 64, 65, 130};
constexpr float kUntouched = -77;

/// count rows of n random numbers, ld apart and `padding` between them.
Floats rows(size_t count, size_t n, size_t ld, uint64_t seed, float padding = 0) {
    const std::vector<float> values = normal_numbers(count, n, seed);
    Floats padded_rows(count * ld, padding);
    for (size_t i = 0; i < count; ++i)
        for (size_t j = 0; j < n; ++j) padded_rows[i * ld + j] = values[i * n + j];
    return padded_rows;
}

double tolerance(size_t terms) {
    return 2e-6 * (1 + static_cast<double>(terms));
}

TEST_P(MatrixKernels, MultiplyEqualsSumsInDouble) {
    for (const size_t m : {1, 3, 4, 6, 7, 12, 13, 29})
        for (const size_t k : {0, 1, 5, 16, 67})
            for (const size_t n : {16, 32, 48, 112}) {
                SCOPED_TRACE(testing::Message() << m << " x " << k << " x " << n);
                const size_t lda = k + 3, ldb = n + 16, ldc = n + 32;
                const Floats A = rows(m, k, lda, 1, 1e9f);
                const Floats B = rows(k, n, ldb, 2, 1e9f);
                Floats C(m * ldc, kUntouched);
                bqq::kernels::multiply(A.data(), lda, m, B.data(), ldb, k, n, C.data(), ldc);
                for (size_t i = 0; i < m; ++i) {
                    for (size_t j = 0; j < n; ++j) {
                        double sum = 0;
                        for (size_t h = 0; h < k; ++h)
                            sum += double(A[i * lda + h]) * double(B[h * ldb + j]);
                        ASSERT_NEAR(C[i * ldc + j], sum, tolerance(k)) << i << ' ' << j;
                    }
                    for (size_t j = n; j < ldc; ++j)
                        ASSERT_EQ(C[i * ldc + j], kUntouched) << "written beside the result";
                }
            }
}

TEST_P(MatrixKernels, AtomGramIsThatOfTheAffineAtoms) {
    std::mt19937_64 random(5);
    for (const size_t K : {1, 5, 16, 17, 40})
        for (const size_t n : {1, 31, 32, 33, 100}) {
            SCOPED_TRACE(testing::Message() << "K " << K << " n " << n);
            const size_t stride = padded(K);
            AlignedVector<uint32_t> words((n + 31) / 32 * stride);
            Floats sums(stride), signs(K * n);
            const Floats scale = rows(1, K, stride, 1), offset = rows(1, K, stride, 2);
            for (size_t k = 0; k < K; ++k)
                for (size_t i = 0; i < n; ++i) {
                    const bool one = random() >> 63;
                    signs[k * n + i] = one ? 1.0f : -1.0f;
                    sums[k] += signs[k * n + i];
                    words[i / 32 * stride + k] |= uint32_t{one} << (i % 32);
                }
            Floats gram(K * stride, kUntouched);
            bqq::kernels::atom_gram(
                    {n, K, stride, words.data(), sums.data(), scale.data(), offset.data()},
                    gram.data());
            for (size_t a = 0; a < K; ++a) {
                for (size_t b = 0; b < K; ++b) {
                    double dot = 0;
                    for (size_t i = 0; i < n; ++i)
                        dot += (double(scale[a] * signs[a * n + i]) + double(offset[a])) *
                               (double(scale[b] * signs[b * n + i]) + double(offset[b]));
                    ASSERT_NEAR(gram[a * stride + b], dot, tolerance(4 * n)) << a << ' ' << b;
                }
                for (size_t b = K; b < stride; ++b) ASSERT_EQ(gram[a * stride + b], 0) << "padding";
            }
        }
}

TEST_P(MatrixKernels, TransposeMovesEveryEntry) {
    for (const size_t m : kSizes)
        for (const size_t n : kSizes) {
            const size_t ldf = n + 3, ldt = m + 5;
            const Floats from = rows(m, n, ldf, m + n, 1e9f);
            Floats to(n * ldt, kUntouched);
            bqq::kernels::transpose(from.data(), ldf, m, n, to.data(), ldt);
            for (size_t j = 0; j < n; ++j)
                for (size_t i = 0; i < ldt; ++i)
                    ASSERT_EQ(to[j * ldt + i], i < m ? from[i * ldf + j] : kUntouched)
                            << m << " x " << n << ": " << i << ' ' << j;
        }
}

/// l rows of n random bits.
struct RandomBits {
    size_t l, n, words;
    std::vector<uint64_t> bits;

    RandomBits(size_t l_, size_t n_) : l(l_), n(n_), words((n + 63) / 64), bits(l * words) {
        std::mt19937_64 random(l + n);
        for (size_t k = 0; k < l; ++k)
            for (size_t j = 0; j < n; ++j) bits[k * words + j / 64] |= (random() >> 63) << (j % 64);
    }
    BitRows view() const { return {bits.data(), l, n, words}; }
    bool at(size_t k, size_t j) const { return bits[k * words + j / 64] >> (j % 64) & 1; }
};

TEST_P(MatrixKernels, MaskedSumsAreTheSumsOfTheSetBits) {
    for (const size_t l : {1, 2, 7, 70})
        for (const size_t n : kSizes) {
            const RandomBits rows_of_bits(l, n);
            std::vector<float> x = normal_numbers(1, n, n);
            x.resize(64 * rows_of_bits.words, 1e9f); // no bit is set there
            std::vector<float> sums(l, kUntouched);
            bqq::kernels::masked_sums(rows_of_bits.view(), x.data(), sums.data());
            for (size_t k = 0; k < l; ++k) {
                double sum = 0;
                for (size_t j = 0; j < n; ++j) sum += rows_of_bits.at(k, j) ? double(x[j]) : 0;
                ASSERT_NEAR(sums[k], sum, tolerance(n)) << l << " x " << n << ": " << k;
            }
        }
}

TEST_P(MatrixKernels, AddMaskedAddsTheWeightsOfTheSetBits) {
    for (const size_t l : {1, 2, 7, 70})
        for (const size_t n : kSizes) {
            const RandomBits rows_of_bits(l, n);
            const std::vector<float> weights = normal_numbers(1, l, l);
            const std::vector<float> before = normal_numbers(1, 64 * rows_of_bits.words, n);
            std::vector<float> to = before;
            bqq::kernels::add_masked(rows_of_bits.view(), weights.data(), to.data());
            for (size_t j = 0; j < to.size(); ++j) {
                auto sum = double(before[j]);
                for (size_t k = 0; k < l && j < n; ++k)
                    sum += rows_of_bits.at(k, j) ? double(weights[k]) : 0;
                ASSERT_NEAR(to[j], sum, tolerance(l)) << l << " x " << n << ": " << j;
            }
        }
}

TEST_P(MatrixKernels, DescendRowFollowsItsFormula) {
    for (const size_t l : kSizes) {
        SCOPED_TRACE(testing::Message() << "l " << l);
        const size_t stride = padded(l);
        // What the padding of the constants holds must not matter.
        const Floats constant = rows(1, l, stride, 1, 5), slope = rows(1, l, stride, 2, 5);
        const Floats correlation = rows(1, l, stride, 3, 5);
        std::vector<Floats> sums(4, Floats(stride, 0.25f)); // of the rows before
        Floats y(stride), before(stride), ahead(stride);
        std::mt19937_64 random(l);
        std::uniform_real_distribution<float> uniform;
        for (size_t k = 0; k < l; ++k) {
            before[k] = uniform(random);
            y[k] = uniform(random);
            ahead[k] = y[k] + 4 * (y[k] - before[k]);
        }
        const Floats y_was = y, before_was = before, ahead_was = ahead;
        const bqq::kernels::MeanFieldStep step{l,    stride, 0.06f,           4,           0.2f,
                                               1.5f, -0.7f,  constant.data(), slope.data()};
        const float residual_sum = 0.9f;
        const bqq::kernels::RowSums row = bqq::kernels::descend_row(
                step, correlation.data(), residual_sum, y.data(), before.data(), ahead.data(),
                {sums[0].data(), sums[1].data(), sums[2].data(), sums[3].data()});
        double sum_y = 0, sum_ahead = 0;
        for (size_t k = 0; k < l; ++k) {
            const double gradient =
                    -2 * (1.5 * double(correlation[k]) - 0.7 * double(residual_sum)) +
                    double(constant[k]) + double(slope[k]) * double(ahead_was[k]);
            const double moved = 2 * double(y_was[k]) - double(before_was[k]) -
                                 0.06 * (gradient + 0.2 * (double(y_was[k]) - 0.5));
            const double next = std::clamp(moved, 0.0, 1.0);
            const double next_ahead = next + 4 * (next - double(y_was[k]));
            ASSERT_NEAR(y[k], next, 1e-5) << k;
            ASSERT_EQ(before[k], y_was[k]) << k;
            ASSERT_NEAR(ahead[k], next_ahead, 1e-5) << k;
            ASSERT_NEAR(sums[0][k], 0.25 + next, 1e-5) << k;
            ASSERT_NEAR(sums[1][k], 0.25 + next * next, 1e-5) << k;
            ASSERT_NEAR(sums[2][k], 0.25 + next_ahead, 1e-5) << k;
            ASSERT_NEAR(sums[3][k], 0.25 + next_ahead * next_ahead, 1e-4) << k;
            sum_y += next;
            sum_ahead += next_ahead;
        }
        EXPECT_NEAR(row.y, sum_y, tolerance(10 * l));
        EXPECT_NEAR(row.ahead, sum_ahead, tolerance(50 * l));
        for (size_t k = l; k < stride; ++k)
            ASSERT_TRUE(y[k] == 0 && before[k] == 0 && ahead[k] == 0) << "padding";
    }
}

TEST_P(MatrixKernels, ResidualRowIsXWithoutTheModel) {
    for (const size_t n : kSizes) {
        const size_t ld = padded(n);
        const Floats x = rows(1, n, ld, 1, 5), product = rows(1, n, ld, 2, 5);
        const Floats cols = rows(1, n, ld, 3, 5);
        Floats part(ld, kUntouched);
        const float sum = bqq::kernels::residual_row(
                x.data(), product.data(), 1.5f, 0.3f, cols.data(), n, part.data());
        double expected_sum = 0;
        for (size_t j = 0; j < ld; ++j) {
            const double expected =
                    double(x[j]) - (1.5 * double(product[j]) + double(0.3f) + double(cols[j]));
            ASSERT_NEAR(part[j], j < n ? expected : 0, 1e-5) << n << ": " << j;
            if (j < n) expected_sum += expected;
        }
        EXPECT_NEAR(sum, expected_sum, tolerance(n));
        EXPECT_NEAR(bqq::kernels::sum(part.data(), ld), expected_sum, tolerance(n));
    }
}

TEST_P(MatrixKernels, ProductSumsEqualSumsInDouble) {
    for (const size_t n : {16, 32, 48, 144}) {
        const Floats x = rows(1, n, n, 1), product = rows(1, n, n, 2);
        const Floats before = rows(1, n, n, 3);
        Floats cols = before;
        const bqq::kernels::ProductSums sums =
                bqq::kernels::product_sums(x.data(), product.data(), n, cols.data());
        double sum = 0, squares = 0, with_x = 0;
        for (size_t j = 0; j < n; ++j) {
            const auto yz = double(product[j]);
            sum += yz;
            squares += yz * yz;
            with_x += yz * double(x[j]);
            ASSERT_NEAR(cols[j], double(before[j]) + yz, 1e-5);
        }
        EXPECT_NEAR(sums.product, sum, tolerance(n));
        EXPECT_NEAR(sums.squares, squares, tolerance(n));
        EXPECT_NEAR(sums.with_x, with_x, tolerance(n));
    }
}

TEST_P(MatrixKernels, CorrelationsBecomeTheField) {
    for (const size_t K : kSizes)
        for (const size_t n : {16, 48, 144}) {
            const size_t stride = padded(K);
            const Floats residual = rows(1, n, n, 1), signs = rows(1, K, stride, 2, 1);
            const Floats correlations = rows(1, K, stride, 3, 7);
            const Floats scale = rows(1, K, stride, 4), offset = rows(1, K, stride, 5);
            const Floats energy = rows(1, K, stride, 6);
            Floats field = correlations;
            bqq::kernels::correlations_to_field(
                    {stride, scale.data(), offset.data(), energy.data()}, residual.data(), n,
                    signs.data(), field.data());
            double sum = 0;
            for (const float e : residual) sum += double(e);
            for (size_t k = 0; k < stride; ++k)
                ASSERT_NEAR(
                        field[k],
                        double(scale[k]) * double(correlations[k]) + double(offset[k]) * sum +
                                double(energy[k]) * double(signs[k]),
                        tolerance(n))
                        << "K " << K << " n " << n << ": " << k;
        }
}

TEST_P(MatrixKernels, AddRowsAddsTheRowsNamed) {
    for (const size_t n : {16, 48, 144})
        for (const size_t count : {0, 1, 5, 40}) {
            const size_t ld = n + 16, all = 7;
            const Floats table = rows(all, n, ld, 1, 1e9f);
            const std::vector<float> factors = normal_numbers(1, count, 2);
            std::vector<uint32_t> indices; // the same row more than once
            for (size_t i = 0; i < count; ++i) indices.push_back((3 * i + 2) % all);
            const Floats before = rows(1, ld, ld, 3);
            Floats to = before;
            bqq::kernels::add_rows(indices, factors, table.data(), ld, n, 0.5f, to.data());
            for (size_t j = 0; j < ld; ++j) {
                double sum = double(before[j]) + (j < n ? 0.5 : 0);
                for (size_t i = 0; i < count && j < n; ++i)
                    sum += double(factors[i]) * double(table[indices[i] * ld + j]);
                ASSERT_NEAR(to[j], sum, tolerance(count)) << n << ": " << j;
            }
        }
}

} // namespace matrix_kernels_test
