#include "baselines/truncated_svd.h"

#include "baselines/eigen_conversion.h"

#include <algorithm>

namespace bqq::bench {

Approximation truncated_svd(const Matrix<float>& X, int bits) {
    const size_t bytes_a_rank = sizeof(float) * (X.n + X.d);
    const size_t rank = std::min({X.n, X.d, budget_bytes(X, bits) / bytes_a_rank});
    const auto r = static_cast<Eigen::Index>(rank);
    const Eigen::BDCSVD<Eigen::MatrixXd> svd(
            to_eigen(X), Eigen::ComputeThinU | Eigen::ComputeThinV);
    const Eigen::VectorXd root = svd.singularValues().head(r).cwiseSqrt();
    const Eigen::MatrixXf left = (svd.matrixU().leftCols(r) * root.asDiagonal()).cast<float>();
    const Eigen::MatrixXf right = (svd.matrixV().leftCols(r) * root.asDiagonal()).cast<float>();
    return {rank * bytes_a_rank, to_values(left.cast<double>() * right.cast<double>().transpose())};
}

} // namespace bqq::bench
