#include "ash.h"

#include "base/linear_algebra.h"
#include "principal_axes.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <stdexcept>

namespace bqq::bench {

namespace {

constexpr int kProcrustesRounds = 10;

/// The nearest matrix with orthonormal rows: M^(-1/2) of the Gram matrix times m. A Gram matrix has
/// the square of m's condition, too much for float.
Rows orthonormal(const Rows& m) {
    const Eigen::MatrixXd wide = m.cast<double>();
    const Eigensystem gram = eigensystem(wide * wide.transpose());
    const double least = 1e-14 * gram.values.maxCoeff();
    const Eigen::VectorXd roots = gram.values.cwiseMax(least).cwiseSqrt().cwiseInverse();
    const Eigen::MatrixXd result =
            gram.vectors * roots.asDiagonal() * gram.vectors.transpose() * wide;
    return result.cast<float>();
}

/// Step between levels that has the least squared error on normal numbers of variance 1.
float best_step(int bits) {
    switch (bits) {
        case 1:
            return 1.596f;
        case 2:
            return 0.996f;
        case 4:
            return 0.335f;
        default:
            throw std::runtime_error("ASH has 1, 2 or 4 bits a dimension");
    }
}

} // namespace

Rows Ash::coded(const Rows& y) const {
    const float step = best_step(bits_each_);
    const auto last = static_cast<float>((1 << bits_each_) - 1) / 2;
    Rows codes(y.rows(), y.cols());
    const float root = std::sqrt(static_cast<float>(y.cols()));
#pragma omp parallel for
    for (Eigen::Index i = 0; i < y.rows(); ++i) {
        const float deviation = std::max(y.row(i).norm() / root, 1e-30f);
        codes.row(i) = ((y.row(i).array() / (deviation * step)).floor() + 0.5f)
                               .max(-last)
                               .min(last)
                               .matrix() *
                       (step * deviation);
    }
    return codes;
}

void Ash::train(const Rows& x, uint64_t seed) {
    if (kept_ > x.cols())
        throw std::runtime_error("ASH keeps at most as many dimensions as there are");
    (void)best_step(bits_each_);
    const Rows axes = PrincipalAxes(x).axes.topRows(kept_);
    const Rows y = x * axes.transpose();
    std::mt19937_64 random(seed);
    std::normal_distribution<float> normal;
    Rows rotation = Rows::NullaryExpr(kept_, kept_, [&] { return normal(random); });
    rotation = orthonormal(rotation);
    for (int round = 0; round < kProcrustesRounds; ++round) {
        const Rows codes = coded(y * rotation.transpose());
        rotation = orthonormal(codes.transpose() * y);
    }
    projection_ = rotation * axes;
}

Rows Ash::reconstructed(const Rows& x) const {
    return coded(x * projection_.transpose()) * projection_;
}

} // namespace bqq::bench
