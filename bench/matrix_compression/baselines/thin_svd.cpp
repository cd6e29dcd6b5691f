#include "baselines/thin_svd.h"

#include <Eigen/SVD>

namespace bqq::bench {

ThinSvd thin_svd(const Eigen::MatrixXd& A) {
    const Eigen::BDCSVD<Eigen::MatrixXd> svd(A, Eigen::ComputeThinU | Eigen::ComputeThinV);
    return {svd.matrixU(), svd.matrixV(), svd.singularValues()};
}

} // namespace bqq::bench
