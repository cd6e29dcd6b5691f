#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace bqq::test {

/// n x d standard normal numbers.
inline std::vector<float> normal_numbers(size_t n, size_t d, uint64_t seed) {
    std::mt19937_64 random(seed);
    std::normal_distribution<float> normal;
    std::vector<float> x(n * d);
    for (float& value : x) value = normal(random);
    return x;
}

/** n x d Gaussian vectors around a mean that is not zero, the j-th principal direction with
 * standard deviation (j + 1)^-decay. The directions and the mean are a function of d alone: two
 * seeds draw from one distribution.
 */
inline std::vector<float> gaussian_vectors(size_t n, size_t d, uint64_t seed, double decay = 0.5) {
    std::vector<float> x = normal_numbers(n, d, seed);
    std::vector<float> mirror = normal_numbers(1, d, 99);
    double norm2 = 0;
    for (float m : mirror) norm2 += static_cast<double>(m) * static_cast<double>(m);
    for (size_t i = 0; i < n; ++i) {
        float* row = x.data() + i * d;
        double dot = 0;
        for (size_t j = 0; j < d; ++j) {
            row[j] *= static_cast<float>(std::pow(static_cast<double>(j + 1), -decay));
            dot += static_cast<double>(row[j]) * static_cast<double>(mirror[j]);
        }
        // A reflection turns the axes into the principal directions.
        for (size_t j = 0; j < d; ++j)
            row[j] += 0.3f * mirror[j] - static_cast<float>(2 * dot / norm2) * mirror[j];
    }
    return x;
}

} // namespace bqq::test
