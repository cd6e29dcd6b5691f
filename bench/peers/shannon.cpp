#include "shannon.h"

#include "codec/water_filling.h"

#include <random>

namespace bqq::bench {

void Shannon::train(const Rows& x, uint64_t seed) {
    seed_ = seed;
    const PrincipalAxes principal(x);
    const Eigen::VectorXd variances = principal.variances.cast<double>();
    const auto level = static_cast<float>(
            water_level({variances.data(), static_cast<size_t>(variances.size())}, bits_));
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
