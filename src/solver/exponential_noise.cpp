#include "solver/exponential_noise.h"

#include <cmath>
#include <random>

namespace bqq {

std::vector<float> exponential_noise(size_t stride) {
    constexpr size_t kPlaces = 1 << 14;
    std::mt19937_64 random(7);
    std::vector<float> noise(kPlaces + stride);
    for (float& draw : noise) {
        const double u = (static_cast<double>(random() >> 11) + 0.5) * 0x1p-53;
        draw = static_cast<float>(-std::log(u));
    }
    return noise;
}

} // namespace bqq
