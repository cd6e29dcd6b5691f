#include "codec/row_set.h"

#include "kernels/squared_norm.h"

#include <algorithm>
#include <limits>

namespace bqq {

RowSet::RowSet(const float* rows, size_t n, size_t d) : packed_(rows, d, n, d), norms_(n) {
    for (size_t i = 0; i < n; ++i)
        norms_[i] = static_cast<float>(kernels::squared_norm(rows + i * d, d));
}

void RowSet::find_nearest(size_t n, const float* x, uint32_t* nearest, size_t count) const {
    const size_t d = packed_.d();
    const size_t size = packed_.size();
    constexpr size_t kTogether = 48;
    const auto blocks = static_cast<int64_t>((n + kTogether - 1) / kTogether);
#pragma omp parallel if (blocks > 1)
    {
        std::vector<float> products(kTogether * size);
#pragma omp for
        for (int64_t block = 0; block < blocks; ++block) {
            const size_t first = static_cast<size_t>(block) * kTogether;
            const size_t rows = std::min(kTogether, n - first);
            kernels::dot_rows(x + first * d, d, rows, packed_, products.data(), size);
            for (size_t i = 0; i < rows; ++i) {
                float* key = products.data() + i * size;
                for (size_t r = 0; r < size; ++r) key[r] = norms_[r] - 2 * key[r];
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
