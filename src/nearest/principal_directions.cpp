#include "nearest/principal_directions.h"

#include "base/linear_algebra.h"
#include "kernels/dot_rows.h"
#include "nearest/transposed.h"

#include <Eigen/Core>

#include <random>

namespace bqq {

namespace {

using RowMatrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// Orthonormal rows (m x d) that span the same space as `rows`.
void orthonormalize(RowMatrix& rows) {
    rows = orthonormal_columns(rows.transpose()).transpose();
}

} // namespace

std::vector<float> principal_directions(
        const float* x, size_t ldx, size_t n, size_t d, size_t m, uint64_t seed) {
    const std::vector<float> xt = transposed(x, ldx, n, d);
    const auto rows = static_cast<Eigen::Index>(m);
    const auto cols = static_cast<Eigen::Index>(d);
    RowMatrix Q(rows, cols);
    std::mt19937_64 random(seed);
    std::normal_distribution<float> normal;
    for (Eigen::Index i = 0; i < Q.size(); ++i) Q.data()[i] = normal(random);
    orthonormalize(Q);
    std::vector<float> y(m * n);
    const int iterations = m < d ? 4 : 0;
    for (int i = 0; i < iterations; ++i) {
        kernels::dot_rows_parallel(Q.data(), d, m, x, ldx, n, d, y.data(), n);
        kernels::dot_rows_parallel(y.data(), n, m, xt.data(), n, d, n, Q.data(), d);
        orthonormalize(Q);
    }
    kernels::dot_rows_parallel(Q.data(), d, m, x, ldx, n, d, y.data(), n);
    std::vector<float> covariance(m * m);
    kernels::dot_rows_parallel(y.data(), n, m, y.data(), n, m, n, covariance.data(), m);
    const Eigen::MatrixXf rotation =
            eigensystem(Eigen::Map<RowMatrix>(covariance.data(), rows, rows).cast<double>())
                    .vectors.transpose()
                    .cast<float>();
    const RowMatrix directions = rotation * Q;
    return {directions.data(), directions.data() + directions.size()};
}

} // namespace bqq
