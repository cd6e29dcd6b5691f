#include "transform_code.h"

#include <algorithm>
#include <iterator>

namespace bqq::bench {

namespace {

/// Error of the best levels for a normal number of variance 1, by bits (Max 1960).
constexpr double kErrors[] = {1,        0.3634,    0.1175,    0.03454,    0.009497,
                              0.002499, 0.0006442, 0.0001635, 0.00004118, 0.00001035};

/// Each bit goes to the axis that gains most by it.
std::vector<int> allotted(const Eigen::VectorXf& variances, int bits) {
    std::vector<int> of_axis(static_cast<size_t>(variances.size()));
    const auto gain = [&](size_t axis) {
        const auto have = static_cast<size_t>(of_axis[axis]);
        return have + 1 == std::size(kErrors)
                       ? 0.0
                       : static_cast<double>(variances[static_cast<Eigen::Index>(axis)]) *
                                 (kErrors[have] - kErrors[have + 1]);
    };
    for (int b = 0; b < bits; ++b) {
        size_t best = 0;
        for (size_t axis = 1; axis < of_axis.size(); ++axis)
            if (gain(axis) > gain(best)) best = axis;
        if (gain(best) <= 0) break;
        ++of_axis[best];
    }
    return of_axis;
}

float nearest(const std::vector<float>& levels, float value) {
    const auto above = std::lower_bound(levels.begin(), levels.end(), value);
    if (above == levels.begin()) return levels.front();
    if (above == levels.end()) return levels.back();
    return value - above[-1] < *above - value ? above[-1] : *above;
}

/// Least squared error on the values: Lloyd's rounds from quantiles. @param values  rising
std::vector<float> best_levels(const std::vector<float>& values, size_t count) {
    constexpr int kLloydRounds = 50;
    const size_t n = values.size();
    std::vector<double> sums(n + 1);
    for (size_t i = 0; i < n; ++i) sums[i + 1] = sums[i] + static_cast<double>(values[i]);
    std::vector<float> levels(count);
    for (size_t l = 0; l < count; ++l) levels[l] = values[(2 * l + 1) * n / (2 * count)];
    for (int round = 0; round < kLloydRounds; ++round) {
        size_t begin = 0;
        for (size_t l = 0; l < count; ++l) {
            const size_t end = l + 1 == count ? n
                                              : static_cast<size_t>(
                                                        std::lower_bound(
                                                                values.begin(), values.end(),
                                                                (levels[l] + levels[l + 1]) / 2) -
                                                        values.begin());
            if (end > begin)
                levels[l] = static_cast<float>(
                        (sums[end] - sums[begin]) / static_cast<double>(end - begin));
            begin = std::max(begin, end);
        }
        std::sort(levels.begin(), levels.end());
    }
    return levels;
}

} // namespace

void TransformCode::train(const Rows& x, uint64_t) {
    const PrincipalAxes principal(x);
    const std::vector<int> of_axis = allotted(principal.variances, bits_);
    const auto kept = static_cast<Eigen::Index>(
            std::count_if(of_axis.begin(), of_axis.end(), [](int bits) { return bits > 0; }));
    axes_ = principal.axes.topRows(kept); // variances fall, so these have the bits
    levels_.resize(static_cast<size_t>(kept));
    const Eigen::MatrixXf y = x * axes_.transpose();
#pragma omp parallel for schedule(dynamic)
    for (Eigen::Index j = 0; j < kept; ++j) {
        std::vector<float> values(y.col(j).begin(), y.col(j).end());
        std::sort(values.begin(), values.end());
        const auto axis = static_cast<size_t>(j);
        levels_[axis] = best_levels(values, size_t{1} << of_axis[axis]);
    }
}

Rows TransformCode::reconstructed(const Rows& x) const {
    Rows y = x * axes_.transpose();
#pragma omp parallel for
    for (Eigen::Index i = 0; i < y.rows(); ++i)
        for (Eigen::Index j = 0; j < y.cols(); ++j)
            y(i, j) = nearest(levels_[static_cast<size_t>(j)], y(i, j));
    return y * axes_;
}

double TransformCode::shared_bytes() const {
    double numbers = static_cast<double>(axes_.size());
    for (const std::vector<float>& levels : levels_) numbers += static_cast<double>(levels.size());
    return 2 * numbers;
}

} // namespace bqq::bench
