#include "baselines/low_rank.h"

#include "base/linear_algebra.h"
#include "baselines/eigen_conversion.h"
#include "baselines/thin_svd.h"
#include "baselines/uniform.h"

#include <algorithm>
#include <limits>
#include <random>

namespace bqq::bench {

namespace {

Eigen::MatrixXd random_rotation(Eigen::Index size, uint64_t seed) {
    std::mt19937_64 random(seed);
    std::normal_distribution<double> normal;
    Eigen::MatrixXf gaussian(size, size);
    for (float& value : gaussian.reshaped()) value = static_cast<float>(normal(random));
    return orthonormal_columns(gaussian).cast<double>();
}

Eigen::MatrixXd quantized(const Eigen::MatrixXd& factor, int bits) {
    const std::vector<float> values = to_values(factor);
    return to_eigen(
            UniformQuantizer::fit(values, bits).quantized(values),
            static_cast<size_t>(factor.rows()), static_cast<size_t>(factor.cols()));
}

/// The quantized least-squares R of X ~ L R, its two parameters by least squares on X.
Eigen::MatrixXd other_factor(const Eigen::MatrixXd& X, const Eigen::MatrixXd& L, int bits) {
    const Eigen::MatrixXd R = quantized(least_norm_solutions(L, X), bits);
    const Eigen::MatrixXd constant =
            L.rowwise().sum() * Eigen::RowVectorXd::Ones(X.cols()); // L times a matrix of ones
    const Eigen::MatrixXd product = L * R;
    const auto dot = [](const Eigen::MatrixXd& a, const Eigen::MatrixXd& b) {
        return a.cwiseProduct(b).sum();
    };
    Eigen::Matrix2d normal;
    normal << dot(constant, constant), dot(constant, product), dot(constant, product),
            dot(product, product);
    const Eigen::VectorXd scales =
            least_norm_solution(normal, Eigen::Vector2d(dot(constant, X), dot(product, X)));
    return (scales[1] * R).array() + scales[0];
}

struct Factors {
    double error = std::numeric_limits<double>::infinity(); ///< squared
    Eigen::MatrixXd product;

    void keep_better(const Eigen::MatrixXd& X, const Eigen::MatrixXd& candidate) {
        const double found = (X - candidate).squaredNorm();
        if (found < error) {
            error = found;
            product = candidate;
        }
    }
};

} // namespace

Approximation low_rank(const Matrix<float>& X, int bits, int factor_bits, uint64_t seed) {
    const size_t parameters = 2 * UniformQuantizer::parameter_bytes;
    const size_t budget_bits = 8 * (budget_bytes(X, bits) - parameters);
    const size_t width = static_cast<size_t>(factor_bits) * (X.n + X.d);
    const size_t rank = std::min({X.n, X.d, budget_bits / width});
    Approximation found = zero_matrix(X);
    if (rank == 0) return found;

    const Eigen::MatrixXd target = to_eigen(X);
    const ThinSvd svd = thin_svd(target);
    const auto r = static_cast<Eigen::Index>(rank);
    const Eigen::MatrixXd rotation = random_rotation(r, seed);
    Factors best;
    for (const double power : {0., 0.5, 1.}) {
        const Eigen::MatrixXd factor =
                svd.U.leftCols(r) *
                svd.singular_values.head(r).array().pow(power).matrix().asDiagonal();
        for (const bool rotated : {false, true}) {
            Eigen::MatrixXd L = quantized(rotated ? factor * rotation : factor, factor_bits);
            constexpr int kRounds = 4; // of refitting each factor on the other
            for (int round = 0; round < kRounds; ++round) {
                const Eigen::MatrixXd R = other_factor(target, L, factor_bits);
                best.keep_better(target, L * R);
                L = other_factor(target.transpose(), R.transpose(), factor_bits).transpose();
                best.keep_better(target, L * R);
            }
        }
    }
    found.bytes = (rank * width + 7) / 8 + parameters;
    found.reconstruction = to_values(best.product);
    return found;
}

} // namespace bqq::bench
