#pragma once

#include "io/matrix.h"

#include <cstddef>
#include <vector>

namespace bqq::bench {

/// What a method makes of a matrix.
struct Approximation {
    size_t bytes = 0;                  ///< all that reconstruction needs beside rows and columns
    std::vector<float> reconstruction; ///< size n * d
};

/** Bytes that a method whose size can be chosen may take: `bits` bits an entry and as many float32
 * parameters as BQQ has in so many planes.
 */
inline size_t budget_bytes(const Matrix<float>& X, int bits) {
    const auto planes = static_cast<size_t>(bits);
    return planes * X.n * X.d / 8 + sizeof(float) * (3 * planes + 1);
}

/// What is left of a method of which nothing fits.
inline Approximation zero_matrix(const Matrix<float>& X) {
    return {0, std::vector<float>(X.values.size())};
}

/// Of the entries.
inline double mean_squared_error(
        const std::vector<float>& X, const std::vector<float>& reconstruction) {
    double sum = 0;
    for (size_t i = 0; i < X.size(); ++i) {
        const double error = static_cast<double>(X[i]) - reconstruction[i];
        sum += error * error;
    }
    return sum / static_cast<double>(X.size());
}

/// Bytes of `count` numbers of `bits` bits, packed.
inline size_t packed_bytes(size_t count, size_t bits) {
    return (count * bits + 7) / 8;
}

} // namespace bqq::bench
