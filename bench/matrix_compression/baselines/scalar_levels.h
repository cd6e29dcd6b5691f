#pragma once

#include <Eigen/Core>

#include <span>
#include <vector>

namespace bqq::bench {

/** Levels of a scalar quantizer, linear in a few parameters: levels = design * parameters.
 *
 *     uniform         row i of design is (1, i)             parameters (low, step)
 *     binary coding   row i of design is (1, +-1, ..., +-1)
 *                     parameters (offset, alpha_1, ..., alpha_p)
 */
struct ScalarLevels {
    Eigen::VectorXd parameters;
    double error = 0; ///< sum of squared errors of the values they were fitted to
};

/// Fits levels to values that each take the nearest level.
class ScalarLevelFit {
public:
    explicit ScalarLevelFit(std::span<const float> values);

    double min() const { return sorted_.front(); }
    double max() const { return sorted_.back(); }
    double mean() const { return sums_.back() / static_cast<double>(sorted_.size()); }

    /** Alternates the nearest levels and least squares (Lloyd's algorithm with linear levels), to
     * convergence or for `rounds` rounds.
     */
    ScalarLevels fit(
            const Eigen::MatrixXd& design, Eigen::VectorXd parameters, int rounds = 200) const;

private:
    std::vector<float> sorted_;
    std::vector<double> sums_; ///< sums_[i]: of the first i sorted values
    double squares_ = 0;       ///< sum of squared values
};

} // namespace bqq::bench
