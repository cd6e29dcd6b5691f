#pragma once

#include <Eigen/Core>

namespace bqq {

// Eigen's decompositions, compiled once: they take a compiler longer than all that is around them.

/// X of A X = B. @param A  symmetric, positive definite; its lower triangle is read
Eigen::MatrixXd solve_symmetric(const Eigen::MatrixXd& A, const Eigen::MatrixXd& B);
Eigen::VectorXd solve_symmetric(const Eigen::MatrixXd& A, const Eigen::VectorXd& b);

/// Of all x with the least |A x - b|, the shortest.
Eigen::VectorXd least_norm_solution(const Eigen::MatrixXd& A, const Eigen::VectorXd& b);
/// The same for each column of B.
Eigen::MatrixXd least_norm_solutions(const Eigen::MatrixXd& A, const Eigen::MatrixXd& B);

/// Orthonormal columns that span what those of A do. @param A  no more columns than rows
Eigen::MatrixXf orthonormal_columns(const Eigen::MatrixXf& A);

/// A = vectors diag(values) vectors^T, the values falling.
struct Eigensystem {
    Eigen::MatrixXd vectors; ///< as columns
    Eigen::VectorXd values;
};
/// @param A  symmetric
Eigensystem eigensystem(const Eigen::MatrixXd& A);
/// Without the vectors.
Eigen::VectorXd eigenvalues(const Eigen::MatrixXd& A);

} // namespace bqq
