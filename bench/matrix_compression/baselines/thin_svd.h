#pragma once

#include <Eigen/Core>

namespace bqq::bench {

/// A = U diag(singular_values) V^T, the columns of U and V as many as A has on its shorter side.
struct ThinSvd {
    Eigen::MatrixXd U, V;
    Eigen::VectorXd singular_values; ///< falling
};
ThinSvd thin_svd(const Eigen::MatrixXd& A);

} // namespace bqq::bench
