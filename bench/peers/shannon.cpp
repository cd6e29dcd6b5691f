#include "shannon.h"

#include <cmath>
#include <random>

namespace bqq::bench {

namespace {

/// Error of each axis above it, at so many bits in all.
double water_level(const Eigen::VectorXf& variances, double bits) {
    // With the K largest above: bits = sum of log2(variance / level) / 2.
    double sum = 0;
    double level = 0;
    for (Eigen::Index k = 0; k < variances.size() && variances[k] > 0; ++k) {
        const auto variance = static_cast<double>(variances[k]);
        if (variance <= level) break;
        sum += std::log2(variance);
        level = std::exp2((sum - 2 * bits) / static_cast<double>(k + 1));
    }
    return level;
}

} // namespace

void Shannon::train(const Rows& x, uint64_t seed) {
    seed_ = seed;
    const PrincipalAxes principal(x);
    const auto level = static_cast<float>(water_level(principal.variances, bits_));
    const auto above = static_cast<Eigen::Index>((principal.variances.array() > level).count());
    axes_ = principal.axes.topRows(above);
    kept_ = 1 - level / principal.variances.head(above).array();
    noise_ = (level * kept_.array()).sqrt();
}

Rows Shannon::reconstructed(const Rows& x) const {
    Rows y = x * axes_.transpose();
    std::mt19937_64 random(seed_);
    std::normal_distribution<float> normal;
    for (Eigen::Index i = 0; i < y.rows(); ++i)
        for (Eigen::Index j = 0; j < y.cols(); ++j)
            y(i, j) = kept_[j] * y(i, j) + noise_[j] * normal(random);
    return y * axes_;
}

} // namespace bqq::bench
