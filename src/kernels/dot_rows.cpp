#include "kernels/dot_rows.h"

#include "base/parallel_for.h"
#include "kernels/products.h"

#include <algorithm>

namespace bqq::kernels {

namespace {

constexpr size_t kPanel = PackedRows::kPanel;
// Entries of a panel that stay in the second-level cache while all rows of a pass by.
constexpr size_t kDepth = 1024;

/// to (d x kPanel) = the n <= kPanel rows of b side by side, zeros beyond them.
void pack_panel(const float* b, size_t ldb, size_t n, size_t d, float* to) {
    transpose(b, ldb, n, d, to, kPanel);
    for (size_t k = 0; k < d && n < kPanel; ++k)
        std::fill(to + k * kPanel + n, to + (k + 1) * kPanel, 0.0f);
}

/// Products with the n rows of one panel.
void dot_panel(
        const float* a, size_t lda, size_t na, const float* panel, size_t n, size_t d, float* c,
        size_t ldc) {
    constexpr size_t kRows = 48;
    alignas(64) float tile[kRows * kPanel];
    for (size_t k = 0; k < d || k == 0; k += kDepth) {
        const size_t depth = std::min(kDepth, d - k);
        for (size_t i = 0; i < na; i += kRows) {
            const size_t rows = std::min(kRows, na - i);
            const bool whole = k == 0 && n == kPanel;
            multiply(
                    a + i * lda + k, lda, rows, panel + k * kPanel, kPanel, depth, kPanel,
                    whole ? c + i * ldc : tile, whole ? ldc : kPanel);
            if (whole) continue;
            for (size_t r = 0; r < rows; ++r) {
                float* out = c + (i + r) * ldc;
                const float* sums = tile + r * kPanel;
                for (size_t j = 0; j < n; ++j) out[j] = k == 0 ? sums[j] : out[j] + sums[j];
            }
        }
    }
}

} // namespace

PackedRows::PackedRows(const float* b, size_t ldb, size_t size, size_t d)
        : size_(size), d_(d), values_(panels() * d * kPanel) {
    for (size_t p = 0; p < panels(); ++p)
        pack_panel(
                b + p * kPanel * ldb, ldb, std::min(kPanel, size - p * kPanel), d,
                values_.data() + p * d * kPanel);
}

void dot_rows(const float* a, size_t lda, size_t na, const PackedRows& b, float* c, size_t ldc) {
    for (size_t p = 0; p < b.panels(); ++p) {
        const size_t j = p * kPanel;
        dot_panel(a, lda, na, b.panel(p), std::min(kPanel, b.size() - j), b.d(), c + j, ldc);
    }
}

void dot_rows(
        const float* a, size_t lda, size_t na, const float* b, size_t ldb, size_t nb, size_t d,
        float* c, size_t ldc) {
    for (size_t j = 0; j < nb; j += kPanel) {
        const PackedRows panel(b + j * ldb, ldb, std::min(kPanel, nb - j), d);
        dot_rows(a, lda, na, panel, c + j, ldc);
    }
}

void dot_rows_parallel(
        const float* a, size_t lda, size_t na, const float* b, size_t ldb, size_t nb, size_t d,
        float* c, size_t ldc) {
    parallel_for((nb + kPanel - 1) / kPanel, [&](size_t p) {
        const size_t j = p * kPanel;
        const PackedRows panel(b + j * ldb, ldb, std::min(kPanel, nb - j), d);
        dot_rows(a, lda, na, panel, c + j, ldc);
    });
}

} // namespace bqq::kernels
