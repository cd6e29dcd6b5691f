#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <random>
#include <utility>
#include <vector>

namespace bqq {

/// Rows 0..n-1 of the training set, or a random choice of at most `most` of them, in random order.
inline std::vector<size_t> choose_rows(size_t n, size_t most, uint64_t seed) {
    std::vector<size_t> rows(n);
    std::iota(rows.begin(), rows.end(), size_t{0});
    std::mt19937_64 random(seed);
    const size_t count = std::min(n, most);
    for (size_t i = 0; i < count; ++i) std::swap(rows[i], rows[i + random() % (n - i)]);
    rows.resize(count);
    return rows;
}

} // namespace bqq
