#include "principal_axes.h"

#include <Eigen/Eigenvalues>

namespace bqq::bench {

PrincipalAxes::PrincipalAxes(const Rows& x) {
    const Eigen::MatrixXf covariance =
            x.transpose() * x / static_cast<float>(std::max<Eigen::Index>(1, x.rows()));
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXf> solver(covariance);
    axes = solver.eigenvectors().rowwise().reverse().transpose();
    variances = solver.eigenvalues().reverse().cwiseMax(0);
}

} // namespace bqq::bench
