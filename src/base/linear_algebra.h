#pragma once

#include <Eigen/Core>

namespace bqq {

// Eigen's decompositions, compiled once: they take a compiler longer than all that is around them.

/// X of A X = B. @param A  symmetric, positive definite; its lower triangle is read
Eigen::MatrixXd solve_symmetric(const Eigen::MatrixXd& A, const Eigen::MatrixXd& B);
Eigen::VectorXd solve_symmetric(const Eigen::MatrixXd& A, const Eigen::VectorXd& b);

/// Of all x with the least |A x - b|, the shortest.
Eigen::VectorXd least_norm_solution(const Eigen::MatrixXd& A, const Eigen::VectorXd& b);

/// Orthonormal columns that span what those of A do. @param A  no more columns than rows
Eigen::MatrixXf orthonormal_columns(const Eigen::MatrixXf& A);

/// Eigenvectors as columns, those of the largest eigenvalues first. @param A  symmetric
Eigen::MatrixXd eigenvectors(const Eigen::MatrixXd& A);

} // namespace bqq
