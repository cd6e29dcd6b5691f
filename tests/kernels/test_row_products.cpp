#include "kernels/row_products.h"

#include "kernels/aligned.h"
#include "random_data.h"
#include "targets.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace row_products_test {

using bqq::kernels::padded;
using bqq::test::normal_numbers;
using bqq::test::target_name;
using bqq::test::targets;

class RowProducts : public bqq::test::TargetTest {};
INSTANTIATE_TEST_SUITE_P(Targets, RowProducts, testing::ValuesIn(targets()), target_name);

constexpr float kUntouched = -77;

/// Rows a and b, neither of which starts on a cache line. What may not be read is NaN.
struct Rows {
    size_t na, nb, d, lda = d + 3, ldb = padded(d) + 1, ldc = nb + 2;
    std::vector<float> a, b;

    Rows(size_t na_, size_t nb_, size_t d_) : na(na_), nb(nb_), d(d_) {
        a = normal_numbers(na, lda, d);
        b = normal_numbers(nb, ldb, d + 1);
        for (size_t i = 0; i < na; ++i)
            for (size_t k = d; k < lda; ++k)
                a[i * lda + k] = std::numeric_limits<float>::quiet_NaN();
        for (size_t j = 0; j < nb; ++j) {
            for (size_t k = d; k < padded(d); ++k) b[j * ldb + k] = 0;
            b[j * ldb + padded(d)] = std::numeric_limits<float>::quiet_NaN();
        }
    }
    std::vector<float> products(size_t first_a, size_t size_a, size_t first_b, size_t size_b) {
        std::vector<float> c(size_a * ldc, kUntouched);
        bqq::kernels::row_products(
                a.data() + first_a * lda, lda, size_a, b.data() + first_b * ldb, ldb, size_b, d,
                c.data(), ldc);
        return c;
    }
};

TEST_P(RowProducts, EqualSumsInDouble) {
    for (const size_t d : {0, 1, 15, 16, 17, 64, 100, 784})
        for (const size_t na : {0, 1, 2, 3, 4, 5, 50})
            for (const size_t nb : {0, 1, 3, 4, 5, 8, 15, 16, 17, 32}) {
                SCOPED_TRACE(testing::Message() << "d " << d << " na " << na << " nb " << nb);
                Rows rows(na, nb, d);
                const std::vector<float> c = rows.products(0, na, 0, nb);
                for (size_t i = 0; i < na; ++i) {
                    for (size_t j = 0; j < nb; ++j) {
                        double sum = 0;
                        for (size_t k = 0; k < d; ++k)
                            sum += static_cast<double>(rows.a[i * rows.lda + k]) *
                                   static_cast<double>(rows.b[j * rows.ldb + k]);
                        ASSERT_NEAR(
                                c[i * rows.ldc + j], sum,
                                2e-6 * std::sqrt(static_cast<double>(d)) + 1e-6)
                                << i << ' ' << j;
                    }
                    for (size_t j = nb; j < rows.ldc; ++j)
                        ASSERT_EQ(c[i * rows.ldc + j], kUntouched);
                }
            }
}

TEST_P(RowProducts, AreTheSameBitsInEveryBatch) {
    for (const size_t d : {17, 100, 784}) {
        Rows rows(50, 32, d);
        const std::vector<float> all = rows.products(0, 50, 0, 32);
        for (const size_t nb : {1, 3, 4, 13, 16, 31})
            for (const size_t na : {1, 3, 4, 10})
                for (size_t j = 0; j + nb <= 32; j += nb)
                    for (size_t i = 0; i + na <= 50; i += na) {
                        const std::vector<float> part = rows.products(i, na, j, nb);
                        for (size_t row = 0; row < na; ++row)
                            for (size_t column = 0; column < nb; ++column)
                                ASSERT_EQ(
                                        part[row * rows.ldc + column],
                                        all[(i + row) * rows.ldc + j + column])
                                        << "d " << d << " row " << i + row << " column "
                                        << j + column;
                    }
    }
}

// Instruction sets without a fused multiply-add (SSE4 and older, none) round a product before they
// add it. They agree with each other, and so do those that have it, such as AVX2 and AVX-512.
bool is_fused(int64_t target) {
    const bool old_x86 = target > HWY_AVX2 && target <= 1LL << HWY_HIGHEST_TARGET_BIT_X86;
    return !old_x86 && target < HWY_EMU128;
}

TEST_P(RowProducts, AreTheSumsOfSixteenPartsFoldedByHalves) {
    const bool fused = is_fused(GetParam());
    const size_t d = 100;
    Rows rows(5, 20, d);
    const std::vector<float> c = rows.products(0, 5, 0, 20);
    for (size_t i = 0; i < 5; ++i)
        for (size_t j = 0; j < 20; ++j) {
            float s[16] = {};
            for (size_t k = 0; k < d; ++k) {
                const float x = rows.a[i * rows.lda + k], y = rows.b[j * rows.ldb + k];
                s[k % 16] = fused ? std::fma(x, y, s[k % 16]) : s[k % 16] + x * y;
            }
            for (size_t half = 8; half > 0; half /= 2)
                for (size_t k = 0; k < half; ++k) s[k] += s[k + half];
            ASSERT_EQ(c[i * rows.ldc + j], s[0]) << i << ' ' << j;
        }
}

} // namespace row_products_test
