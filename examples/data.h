#pragma once

#include <cstddef>
#include <random>
#include <vector>

/// n vectors of dimension d around `clusters` centres: embeddings are not without structure,
/// either.
inline std::vector<float> clustered_vectors(size_t n, size_t d, size_t clusters) {
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    std::vector<float> centres(clusters * d);
    for (float& value : centres) value = 3 * normal(random);
    std::vector<float> x(n * d);
    for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j < d; ++j)
            x[i * d + j] = centres[i % clusters * d + j] + normal(random);
    return x;
}
