#include "codec/row_set.h"

#include "kernels/squared_norm.h"

#include <algorithm>

namespace bqq {

RowSet::RowSet(const float* rows, size_t n, size_t d) : packed_(rows, d, n, d), norms_(n) {
    for (size_t i = 0; i < n; ++i)
        norms_[i] = static_cast<float>(kernels::squared_norm(rows + i * d, d));
}

void RowSet::find_nearest(size_t n, const float* x, uint32_t* nearest) const {
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
            const size_t count = std::min(kTogether, n - first);
            kernels::dot_rows(x + first * d, d, count, packed_, products.data(), size);
            for (size_t i = 0; i < count; ++i) {
                const float* product = products.data() + i * size;
                uint32_t best = 0;
                float least = norms_[0] - 2 * product[0];
                for (uint32_t r = 1; r < size; ++r) {
                    const float key = norms_[r] - 2 * product[r];
                    if (key < least) {
                        least = key;
                        best = r;
                    }
                }
                nearest[first + i] = best;
            }
        }
    }
}

} // namespace bqq
