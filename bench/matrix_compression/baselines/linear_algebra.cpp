#include "baselines/linear_algebra.h"

#include <Eigen/QR>
#include <Eigen/SVD>

namespace bqq::bench {

ThinSvd thin_svd(const Eigen::MatrixXd& A) {
    const Eigen::BDCSVD<Eigen::MatrixXd> svd(A, Eigen::ComputeThinU | Eigen::ComputeThinV);
    return {svd.matrixU(), svd.matrixV(), svd.singularValues()};
}

Eigen::MatrixXd least_squares(const Eigen::MatrixXd& A, const Eigen::MatrixXd& B) {
    return A.completeOrthogonalDecomposition().solve(B);
}

} // namespace bqq::bench
