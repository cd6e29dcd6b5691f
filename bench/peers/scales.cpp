#include "scales.h"

#include <cmath>

namespace bqq::bench {

namespace {

/// To the nearest of so many equal steps from the least to the largest.
void round_to_steps(Eigen::ArrayXf& values, float count) {
    const float least = values.minCoeff();
    const float step = (values.maxCoeff() - least) / (count - 1);
    if (step > 0) values = least + step * ((values - least) / step).round();
}

} // namespace

StoredScales::StoredScales(const Rows& x, const Rows& y, float exponent) {
    constexpr float kLeast = 1e-30f;
    const Eigen::ArrayXf products = (x.array() * y.array()).rowwise().sum().max(kLeast);
    const Eigen::ArrayXf squares = y.rowwise().squaredNorm().array().max(kLeast);
    const Eigen::ArrayXf lengths = x.rowwise().squaredNorm().array().max(kLeast);
    const Eigen::ArrayXf cosines = products.square() / (squares * lengths);
    alpha = (products / squares).log() - exponent * cosines.max(1e-3f).log();
    round_to_steps(alpha, 255);
    alpha = alpha.exp();
    norms = lengths.sqrt();
    round_to_steps(norms, 65535);
    norms = norms.square();
}

} // namespace bqq::bench
