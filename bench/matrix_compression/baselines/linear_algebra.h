#pragma once

#include <Eigen/Core>

namespace bqq::bench {

// Compiled once: Eigen's decompositions take the compiler half a minute wherever they are used.

/// A = U diag(singular_values) V^T, the columns of U and V as many as A has on its shorter side.
struct ThinSvd {
    Eigen::MatrixXd U, V;
    Eigen::VectorXd singular_values; ///< falling
};
ThinSvd thin_svd(const Eigen::MatrixXd& A);

/// The X of least norm among those that minimize |A X - B|.
Eigen::MatrixXd least_squares(const Eigen::MatrixXd& A, const Eigen::MatrixXd& B);

} // namespace bqq::bench
