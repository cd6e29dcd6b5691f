#pragma once

#include <cstddef>
#include <vector>

namespace bqq {

/// Rows of numbers, one after another.
template <class T>
struct Matrix {
    size_t n = 0;          ///< rows
    size_t d = 0;          ///< columns
    std::vector<T> values; ///< size n * d

    const T* row(size_t i) const { return values.data() + i * d; }
    T* row(size_t i) { return values.data() + i * d; }
};

} // namespace bqq
