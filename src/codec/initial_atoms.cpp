#include "codec/initial_atoms.h"

#include "kernels/dot_rows.h"

#include <Eigen/Dense>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

namespace bqq {

namespace {

using RowMatrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// Orthonormal rows (m x d) that span the same space as `rows`.
void orthonormalize(RowMatrix& rows) {
    const Eigen::MatrixXf columns = rows.transpose();
    const Eigen::HouseholderQR<Eigen::MatrixXf> qr(columns);
    rows = (qr.householderQ() * Eigen::MatrixXf::Identity(columns.rows(), columns.cols()))
                   .transpose();
}

/// The m leading principal directions of x as rows, by randomized subspace iteration.
RowMatrix principal_directions(
        const float* x, const std::vector<float>& xt, size_t n, size_t d, size_t m, uint64_t seed) {
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
        kernels::dot_rows_parallel(Q.data(), d, m, x, d, n, d, y.data(), n);
        kernels::dot_rows_parallel(y.data(), n, m, xt.data(), n, d, n, Q.data(), d);
        orthonormalize(Q);
    }
    kernels::dot_rows_parallel(Q.data(), d, m, x, d, n, d, y.data(), n);
    std::vector<float> covariance(m * m);
    kernels::dot_rows_parallel(y.data(), n, m, y.data(), n, m, n, covariance.data(), m);
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(
            Eigen::Map<RowMatrix>(covariance.data(), rows, rows).cast<double>());
    const Eigen::MatrixXf rotation =
            solver.eigenvectors().rowwise().reverse().transpose().cast<float>();
    return rotation * Q;
}

} // namespace

std::vector<float> transposed(const float* rows, size_t lda, size_t n, size_t m) {
    std::vector<float> result(n * m);
    constexpr size_t kBlock = 16; // a cache line of the rows
#pragma omp parallel for
    for (int64_t block = 0; block < static_cast<int64_t>((m + kBlock - 1) / kBlock); ++block) {
        const size_t begin = static_cast<size_t>(block) * kBlock;
        const size_t end = std::min(m, begin + kBlock);
        for (size_t i = 0; i < n; ++i)
            for (size_t j = begin; j < end; ++j) result[j * n + i] = rows[i * lda + j];
    }
    return result;
}

std::vector<size_t> energy_order(const std::vector<float>& atoms, size_t M, size_t d) {
    std::vector<double> energy(M);
    for (size_t k = 0; k < M; ++k)
        for (size_t j = 0; j < d; ++j) {
            const double b = atoms[k * d + j];
            energy[k] += b * b;
        }
    std::vector<size_t> order(M);
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(
            order.begin(), order.end(), [&](size_t a, size_t b) { return energy[a] > energy[b]; });
    return order;
}

std::vector<float> rows_in_order(
        const std::vector<float>& matrix, const std::vector<size_t>& order) {
    const size_t width = matrix.size() / order.size();
    std::vector<float> result(matrix.size());
    for (size_t i = 0; i < order.size(); ++i)
        std::copy_n(matrix.data() + order[i] * width, width, result.data() + i * width);
    return result;
}

std::vector<float> initial_atoms(const float* x, size_t n, size_t d, size_t M, uint64_t seed) {
    const size_t directions = std::min(d, M);
    const std::vector<float> xt = transposed(x, d, n, d);
    const RowMatrix P = principal_directions(x, xt, n, d, directions, seed);
    std::vector<float> y(directions * n); // what is left of the sample along each direction
    kernels::dot_rows_parallel(P.data(), d, directions, x, d, n, d, y.data(), n);
    std::vector<double> left(directions);
    for (size_t i = 0; i < directions; ++i)
        for (size_t r = 0; r < n; ++r)
            left[i] += static_cast<double>(y[i * n + r]) * static_cast<double>(y[i * n + r]);
    std::vector<float> atoms(M * d);
    for (size_t k = 0; k < M; ++k) {
        const auto i =
                static_cast<size_t>(std::max_element(left.begin(), left.end()) - left.begin());
        float* along = y.data() + i * n;
        double sum = 0;
        for (size_t r = 0; r < n; ++r) sum += std::fabs(along[r]);
        const auto step = static_cast<float>(sum / static_cast<double>(n));
        left[i] = 0;
        for (size_t r = 0; r < n; ++r) {
            along[r] -= std::copysign(step, along[r]);
            left[i] += static_cast<double>(along[r]) * static_cast<double>(along[r]);
        }
        for (size_t j = 0; j < d; ++j)
            atoms[k * d + j] = step * P(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j));
    }
    return rows_in_order(atoms, energy_order(atoms, M, d));
}

} // namespace bqq
