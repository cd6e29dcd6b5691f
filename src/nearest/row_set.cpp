#include "nearest/row_set.h"

#include "kernels/squared_norm.h"

#include <algorithm>
#include <limits>
#include <memory>

namespace bqq {

namespace {

void subtract(const float* x, const std::vector<float>& origin, size_t n, float* differences) {
    const size_t d = origin.size();
    for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j < d; ++j) differences[i * d + j] = x[i * d + j] - origin[j];
}

} // namespace

RowSet::RowSet(const float* rows, size_t n, size_t d, Metric metric) {
    std::vector<float> factors(rows, rows + n * d);
    if (metric == Metric::l2) {
        origin_.assign(rows, rows + d);
        subtract(rows, origin_, n, factors.data());
        norms_.resize(n);
        for (size_t i = 0; i < n; ++i)
            norms_[i] = static_cast<float>(kernels::squared_norm(factors.data() + i * d, d));
    }
    for (float& factor : factors) factor *= metric == Metric::l2 ? -2.0f : -1.0f;
    packed_ = {factors.data(), d, n, d};
}

void RowSet::compute_keys(size_t n, const float* x, float* keys) const {
    const size_t d = packed_.d();
    const size_t rows = packed_.size();
    if (origin_.empty()) {
        kernels::dot_rows(x, d, n, packed_, keys, rows);
        return;
    }
    const auto from_origin = std::make_unique_for_overwrite<float[]>(n * d);
    subtract(x, origin_, n, from_origin.get());
    kernels::dot_rows(from_origin.get(), d, n, packed_, keys, rows);
    for (size_t i = 0; i < n; ++i) {
        const auto x2 = static_cast<float>(kernels::squared_norm(from_origin.get() + i * d, d));
        float* row = keys + i * rows;
        for (size_t r = 0; r < rows; ++r) row[r] = x2 + (norms_[r] + row[r]);
    }
}

void RowSet::find_nearest(size_t n, const float* x, uint32_t* nearest, size_t count) const {
    const size_t d = packed_.d();
    const size_t size = packed_.size();
    constexpr size_t kTogether = 48;
    const auto blocks = static_cast<int64_t>((n + kTogether - 1) / kTogether);
#pragma omp parallel if (blocks > 1)
    {
        std::vector<float> keys(kTogether * size);
#pragma omp for
        for (int64_t block = 0; block < blocks; ++block) {
            const size_t first = static_cast<size_t>(block) * kTogether;
            const size_t rows = std::min(kTogether, n - first);
            compute_keys(rows, x + first * d, keys.data());
            for (size_t i = 0; i < rows; ++i) {
                float* key = keys.data() + i * size;
                for (size_t rank = 0; rank < count; ++rank) {
                    const float* best = std::min_element(key, key + size);
                    nearest[(first + i) * count + rank] = static_cast<uint32_t>(best - key);
                    key[best - key] = std::numeric_limits<float>::infinity();
                }
            }
        }
    }
}

} // namespace bqq
