#include "baselines/uniform.h"

#include "baselines/scalar_levels.h"

#include <algorithm>
#include <cmath>

namespace bqq::bench {

namespace {

constexpr int kRanges = 10;     // on each side of the mean
constexpr int kStartRounds = 8; // of each range; the best goes on to convergence

} // namespace

UniformQuantizer UniformQuantizer::fit(std::span<const float> values, int bits) {
    const int count = 1 << bits;
    Eigen::MatrixXd design(count, 2);
    design.col(0).setOnes();
    design.col(1).setLinSpaced(0, count - 1);
    const ScalarLevelFit levels(values);
    ScalarLevels best;
    for (int i = 0; i < kRanges; ++i) {
        for (int j = 0; j < kRanges; ++j) {
            const double low = std::lerp(levels.min(), levels.mean(), i / (kRanges + 1.));
            const double high = std::lerp(levels.max(), levels.mean(), j / (kRanges + 1.));
            const ScalarLevels found = levels.fit(
                    design, Eigen::Vector2d(low, (high - low) / (count - 1)), kStartRounds);
            if (best.parameters.size() == 0 || found.error < best.error) best = found;
        }
    }
    best = levels.fit(design, best.parameters);
    return {best.parameters[0], best.parameters[1], bits};
}

uint8_t UniformQuantizer::code(float value) const {
    if (step == 0) return 0;
    const double level = std::nearbyint((value - low) / step);
    return static_cast<uint8_t>(std::clamp(level, 0., static_cast<double>((1 << bits) - 1)));
}

std::vector<uint8_t> UniformQuantizer::codes(std::span<const float> values) const {
    std::vector<uint8_t> found(values.size());
    for (size_t i = 0; i < values.size(); ++i) found[i] = code(values[i]);
    return found;
}

std::vector<float> UniformQuantizer::quantized(std::span<const float> values) const {
    std::vector<float> found(values.size());
    for (size_t i = 0; i < values.size(); ++i) found[i] = decode(code(values[i]));
    return found;
}

Approximation uniform(const Matrix<float>& X, int bits) {
    const auto quantizer = UniformQuantizer::fit(X.values, bits);
    return {packed_bytes(X.values.size(), static_cast<size_t>(bits)) +
                    UniformQuantizer::parameter_bytes,
            quantizer.quantized(X.values)};
}

} // namespace bqq::bench
