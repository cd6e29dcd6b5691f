#include "baselines/binary_coding.h"

#include "baselines/scalar_levels.h"
#include "baselines/uniform.h"

#include <algorithm>
#include <cmath>
#include <span>

namespace bqq::bench {

namespace {

/// Parameters (offset, alpha_1, ..., alpha_bits): each scale fits the signs of what is left.
Eigen::VectorXd greedy_start(const Matrix<float>& X, int bits) {
    const Eigen::VectorXf values = Eigen::Map<const Eigen::VectorXf>(
            X.values.data(), static_cast<Eigen::Index>(X.values.size()));
    Eigen::VectorXd parameters(bits + 1);
    parameters[0] = values.mean();
    Eigen::VectorXf rest = values.array() - values.mean();
    for (int i = 1; i <= bits; ++i) {
        const float alpha = rest.cwiseAbs().mean();
        for (float& r : rest) r -= std::copysign(alpha, r);
        parameters[i] = alpha;
    }
    return parameters;
}

/// Uniform levels are sums of signed scales step / 2, step, 2 step, ...
Eigen::VectorXd uniform_start(const UniformQuantizer& uniform) {
    Eigen::VectorXd parameters(uniform.bits + 1);
    parameters[0] = uniform.low + uniform.step * ((1 << uniform.bits) - 1) / 2.;
    for (int i = 0; i < uniform.bits; ++i) parameters[i + 1] = uniform.step / 2 * (1 << i);
    return parameters;
}

std::vector<float> nearest_levels(std::vector<float> values, std::span<double> levels) {
    std::sort(levels.begin(), levels.end());
    for (float& value : values) {
        auto above = std::lower_bound(levels.begin(), levels.end() - 1, value);
        if (above != levels.begin() && value - above[-1] < *above - value) --above;
        value = static_cast<float>(*above);
    }
    return values;
}

} // namespace

Approximation binary_coding(const Matrix<float>& X, int bits) {
    Eigen::MatrixXd design(1 << bits, bits + 1);
    design.col(0).setOnes();
    for (int code = 0; code < 1 << bits; ++code) {
        for (int i = 0; i < bits; ++i) design(code, i + 1) = (code >> i & 1) != 0 ? 1 : -1;
    }
    const ScalarLevelFit fit(X.values);
    const ScalarLevels greedy = fit.fit(design, greedy_start(X, bits));
    const ScalarLevels refined =
            fit.fit(design, uniform_start(UniformQuantizer::fit(X.values, bits)));
    const ScalarLevels& best = greedy.error < refined.error ? greedy : refined;
    Eigen::VectorXd levels = design * best.parameters;
    const auto planes = static_cast<size_t>(bits);
    return {packed_bytes(X.values.size(), planes) + sizeof(float) * (planes + 1),
            nearest_levels(X.values, {levels.data(), static_cast<size_t>(levels.size())})};
}

} // namespace bqq::bench
