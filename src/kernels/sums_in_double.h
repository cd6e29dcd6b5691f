#pragma once

#include <cstddef>

namespace bqq::kernels {

/// The sum of term(j) over j < d, in partial sums that compilers vectorize.
template <class Term>
inline double sum_of(size_t d, const Term& term) {
    constexpr size_t kSums = 8;
    double sums[kSums] = {};
    const size_t whole = d / kSums * kSums;
    for (size_t j = 0; j < whole; j += kSums)
        for (size_t l = 0; l < kSums; ++l) sums[l] += term(j + l);
    for (size_t j = whole; j < d; ++j) sums[0] += term(j);
    double total = 0;
    for (const double sum : sums) total += sum;
    return total;
}

/// |x|^2, x of size d.
inline double squared_norm(const float* x, size_t d) {
    return sum_of(d, [&](size_t j) {
        const double v = x[j];
        return v * v;
    });
}

/// |x - y|^2, x and y of size d.
inline double squared_distance(const float* x, const float* y, size_t d) {
    return sum_of(d, [&](size_t j) {
        const double v = static_cast<double>(x[j]) - static_cast<double>(y[j]);
        return v * v;
    });
}

/// <x, y>, x and y of size d.
inline double inner_product(const float* x, const float* y, size_t d) {
    return sum_of(
            d, [&](size_t j) { return static_cast<double>(x[j]) * static_cast<double>(y[j]); });
}

} // namespace bqq::kernels
