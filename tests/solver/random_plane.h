#pragma once

#include "solver/sign_factors.h"

#include <random>

namespace bqq::test {

/// Every sign drawn with equal chances.
inline SignPlane random_plane(size_t m, size_t n, size_t l, std::mt19937_64& random) {
    SignPlane plane{l, std::vector<int8_t>(m * l), std::vector<int8_t>(n * l)};
    for (auto* signs : {&plane.S, &plane.T})
        for (int8_t& sign : *signs) sign = random() >> 63 ? 1 : -1;
    return plane;
}

} // namespace bqq::test
