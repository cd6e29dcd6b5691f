#pragma once

#include <cstddef>

namespace bqq::kernels {

/// |x|^2 in double, x of size d; the partial sums are what compilers vectorize.
inline double squared_norm(const float* x, size_t d) {
    constexpr size_t kSums = 8;
    double sums[kSums] = {};
    const size_t whole = d / kSums * kSums;
    for (size_t j = 0; j < whole; j += kSums)
        for (size_t l = 0; l < kSums; ++l) {
            const double v = x[j + l];
            sums[l] += v * v;
        }
    for (size_t j = whole; j < d; ++j)
        sums[0] += static_cast<double>(x[j]) * static_cast<double>(x[j]);
    double total = 0;
    for (const double sum : sums) total += sum;
    return total;
}

} // namespace bqq::kernels
