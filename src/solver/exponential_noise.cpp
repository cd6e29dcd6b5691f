#include "solver/exponential_noise.h"

#include "kernels/aligned.h"

#include <bqq/quantizer.h>

#include <cmath>
#include <random>

namespace bqq {

namespace {

constexpr size_t kPlaces = 1 << 14;

} // namespace

std::vector<float> exponential_noise(size_t stride) {
    std::mt19937_64 random(7);
    std::vector<float> noise(kPlaces + stride);
    for (float& draw : noise) {
        const double u = (static_cast<double>(random() >> 11) + 0.5) * 0x1p-53;
        draw = static_cast<float>(-std::log(u));
    }
    return noise;
}

std::span<const float> shared_exponential_noise(size_t stride) {
    static const std::vector<float> noise =
            exponential_noise(kernels::padded(Quantizer::kMaxAtoms));
    return std::span(noise).first(kPlaces + stride);
}

} // namespace bqq
