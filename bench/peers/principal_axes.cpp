#include "principal_axes.h"

#include "base/linear_algebra.h"

namespace bqq::bench {

PrincipalAxes::PrincipalAxes(const Rows& x) {
    const Eigen::MatrixXf covariance =
            x.transpose() * x / static_cast<float>(std::max<Eigen::Index>(1, x.rows()));
    const Eigensystem system = eigensystem(covariance.cast<double>());
    axes = system.vectors.transpose().cast<float>();
    variances = system.values.cwiseMax(0).cast<float>();
}

} // namespace bqq::bench
