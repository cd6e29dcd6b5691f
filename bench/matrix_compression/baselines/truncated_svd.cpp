#include "baselines/truncated_svd.h"

#include "baselines/eigen_conversion.h"
#include "baselines/thin_svd.h"

#include <algorithm>

namespace bqq::bench {

Approximation truncated_svd(const Matrix<float>& X, int bits) {
    const size_t bytes_a_rank = sizeof(float) * (X.n + X.d);
    const size_t rank = std::min({X.n, X.d, budget_bytes(X, bits) / bytes_a_rank});
    const auto r = static_cast<Eigen::Index>(rank);
    const ThinSvd svd = thin_svd(to_eigen(X));
    const Eigen::VectorXd root = svd.singular_values.head(r).cwiseSqrt();
    const Eigen::MatrixXf left = (svd.U.leftCols(r) * root.asDiagonal()).cast<float>();
    const Eigen::MatrixXf right = (svd.V.leftCols(r) * root.asDiagonal()).cast<float>();
    return {rank * bytes_a_rank, to_values(left.cast<double>() * right.cast<double>().transpose())};
}

} // namespace bqq::bench
