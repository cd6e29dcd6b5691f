#pragma once

#include "io/matrix.h"

#include <Eigen/Core>

#include <span>
#include <vector>

namespace bqq::bench {

using RowMajorMatrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

inline Eigen::MatrixXd to_eigen(std::span<const float> values, size_t n, size_t d) {
    return Eigen::Map<const RowMajorMatrix>(
                   values.data(), static_cast<Eigen::Index>(n), static_cast<Eigen::Index>(d))
            .cast<double>();
}

inline Eigen::MatrixXd to_eigen(const Matrix<float>& X) {
    return to_eigen(X.values, X.n, X.d);
}

/// The entries row by row.
inline std::vector<float> to_values(const Eigen::MatrixXd& X) {
    const RowMajorMatrix rows = X.cast<float>();
    return {rows.data(), rows.data() + rows.size()};
}

} // namespace bqq::bench
