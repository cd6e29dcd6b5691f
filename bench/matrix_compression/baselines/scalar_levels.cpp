#include "baselines/scalar_levels.h"

#include "base/linear_algebra.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace bqq::bench {

ScalarLevelFit::ScalarLevelFit(std::span<const float> values)
        : sorted_(values.begin(), values.end()), sums_(values.size() + 1) {
    std::sort(sorted_.begin(), sorted_.end());
    for (size_t i = 0; i < sorted_.size(); ++i) {
        sums_[i + 1] = sums_[i] + sorted_[i];
        squares_ += static_cast<double>(sorted_[i]) * sorted_[i];
    }
}

ScalarLevels ScalarLevelFit::fit(
        const Eigen::MatrixXd& design, Eigen::VectorXd parameters, int rounds) const {
    ScalarLevels best{parameters, std::numeric_limits<double>::infinity()};
    std::vector<Eigen::Index> order(static_cast<size_t>(design.rows()));
    std::iota(order.begin(), order.end(), 0);
    for (int round = 0; round < rounds; ++round) {
        const Eigen::VectorXd levels = design * parameters;
        std::sort(order.begin(), order.end(), [&](Eigen::Index a, Eigen::Index b) {
            return levels[a] < levels[b];
        });
        Eigen::VectorXd count = Eigen::VectorXd::Zero(design.rows()), sum = count;
        size_t begin = 0;
        for (size_t i = 0; i < order.size(); ++i) {
            size_t end = sorted_.size();
            if (i + 1 < order.size()) {
                const double border = (levels[order[i]] + levels[order[i + 1]]) / 2;
                end = static_cast<size_t>(
                        std::lower_bound(
                                sorted_.begin() + static_cast<ptrdiff_t>(begin), sorted_.end(),
                                border) -
                        sorted_.begin());
            }
            count[order[i]] = static_cast<double>(end - begin);
            sum[order[i]] = sums_[end] - sums_[begin];
            begin = end;
        }
        const double error =
                squares_ - 2 * levels.dot(sum) + (levels.array().square() * count.array()).sum();
        if (error > best.error * (1 - 1e-9)) break;
        best = {parameters, error};
        const Eigen::MatrixXd normal = design.transpose() * count.asDiagonal() * design;
        parameters = least_norm_solution(normal, design.transpose() * sum);
    }
    return best;
}

} // namespace bqq::bench
