#include "nearest/transposed.h"

#include "base/parallel_for.h"

#include <algorithm>

namespace bqq {

std::vector<float> transposed(const float* rows, size_t lda, size_t n, size_t m) {
    std::vector<float> result(n * m);
    constexpr size_t kBlock = 16; // a cache line of the rows
    parallel_for((m + kBlock - 1) / kBlock, [&](size_t block) {
        const size_t begin = block * kBlock;
        const size_t end = std::min(m, begin + kBlock);
        for (size_t i = 0; i < n; ++i)
            for (size_t j = begin; j < end; ++j) result[j * n + i] = rows[i * lda + j];
    });
    return result;
}

} // namespace bqq
