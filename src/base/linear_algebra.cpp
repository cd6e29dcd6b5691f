#include "base/linear_algebra.h"

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <Eigen/QR>

namespace bqq {

Eigen::MatrixXd solve_symmetric(const Eigen::MatrixXd& A, const Eigen::MatrixXd& B) {
    return A.ldlt().solve(B);
}

Eigen::VectorXd solve_symmetric(const Eigen::MatrixXd& A, const Eigen::VectorXd& b) {
    return A.ldlt().solve(b);
}

Eigen::VectorXd least_norm_solution(const Eigen::MatrixXd& A, const Eigen::VectorXd& b) {
    return A.completeOrthogonalDecomposition().solve(b);
}

Eigen::MatrixXd least_norm_solutions(const Eigen::MatrixXd& A, const Eigen::MatrixXd& B) {
    return A.completeOrthogonalDecomposition().solve(B);
}

Eigen::MatrixXf orthonormal_columns(const Eigen::MatrixXf& A) {
    const Eigen::HouseholderQR<Eigen::MatrixXf> qr(A);
    return qr.householderQ() * Eigen::MatrixXf::Identity(A.rows(), A.cols());
}

Eigensystem eigensystem(const Eigen::MatrixXd& A) {
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(A);
    return {solver.eigenvectors().rowwise().reverse(), solver.eigenvalues().reverse()};
}

Eigen::VectorXd eigenvalues(const Eigen::MatrixXd& A) {
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(A, Eigen::EigenvaluesOnly);
    return solver.eigenvalues().reverse();
}

} // namespace bqq
