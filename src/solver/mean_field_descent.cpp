#include "solver/mean_field_descent.h"

#include "base/linear_algebra.h"
#include "kernels/aligned.h"
#include "kernels/mean_field.h"
#include "kernels/products.h"
#include "solver/large_products.h"

#include <Eigen/Core>

#include <algorithm>
#include <random>
#include <vector>

namespace bqq {

namespace {

// The paper's parameters, for X divided by its range.
// Those of the temperature stand where it falls.
constexpr float kZeta = 4;
constexpr float kEta = 0.06f;

using Floats = kernels::AlignedVector<float>;

/// Relaxed bits of Y (m x l), or of Z transposed (n x l), and sums over them.
struct Factor {
    size_t count;
    size_t l;
    size_t ld;               ///< count, padded
    size_t stride;           ///< l, padded
    Floats y, before, ahead; ///< count x stride, zero in the padding
    Floats transposed;       ///< l x ld, zero in the padding
    Floats y_sums, y2_sums;  ///< over the rows of y and of its squares
    Floats ahead_sums, ahead2_sums;
    std::vector<float> row_y, row_ahead; ///< sums over the columns
    Floats correlation;                  ///< of the residual with the other factor, count x stride
    Floats constant, slope;              ///< of the gradient

    Factor(size_t count_, size_t l_)
            : count(count_),
              l(l_),
              ld(kernels::padded(count)),
              stride(kernels::padded(l)),
              y(count * stride),
              before(count * stride),
              ahead(count * stride),
              transposed(l * ld),
              y_sums(stride),
              y2_sums(stride),
              ahead_sums(stride),
              ahead2_sums(stride),
              row_y(count),
              row_ahead(count),
              correlation(count * stride),
              constant(stride),
              slope(stride) {}

    void start(std::mt19937_64& random) {
        std::uniform_real_distribution<float> uniform;
        for (size_t i = 0; i < count; ++i)
            for (size_t k = 0; k < l; ++k) {
                const size_t at = i * stride + k;
                before[at] = uniform(random);
                y[at] = before[at] - kEta * (before[at] - 0.5f);
                ahead[at] = y[at] + kZeta * (y[at] - before[at]);
                y_sums[k] += y[at];
                y2_sums[k] += y[at] * y[at];
                ahead_sums[k] += ahead[at];
                ahead2_sums[k] += ahead[at] * ahead[at];
                row_y[i] += y[at];
                row_ahead[i] += ahead[at];
            }
    }

    /// The parts of the gradient that depend on the column alone; s is the scale of this factor's
    /// own sums.
    void set_gradient(const Factor& other, double r, double s, double t) {
        const double n = static_cast<double>(other.count);
        for (size_t k = 0; k < l; ++k) {
            const double z = other.ahead_sums[k];
            const double z2 = other.ahead2_sums[k];
            constant[k] = static_cast<float>(
                    (r * r + 2 * r * s + 2 * r * t) * z - 2 * r * t * z2 + s * s * n);
            slope[k] = static_cast<float>(-4 * r * s * z - 2 * r * r * z2 - 2 * s * s * n);
        }
    }

    /// @param part  residual, rows (columns for Z) of `width` floats
    void descend(const Floats& part, size_t width, double r, double s, float temperature) {
        for (Floats* sums : {&y_sums, &y2_sums, &ahead_sums, &ahead2_sums})
            std::fill(sums->begin(), sums->end(), 0.0f);
        const kernels::MeanFieldStep step{
                l,
                stride,
                kEta,
                kZeta,
                temperature,
                static_cast<float>(r),
                static_cast<float>(s),
                constant.data(),
                slope.data()};
        const kernels::MeanFieldSums sums{
                y_sums.data(), y2_sums.data(), ahead_sums.data(), ahead2_sums.data()};
        for (size_t i = 0; i < count; ++i) {
            const size_t at = i * stride;
            const kernels::RowSums row = kernels::descend_row(
                    step, correlation.data() + at, kernels::sum(part.data() + i * width, width),
                    y.data() + at, before.data() + at, ahead.data() + at, sums);
            row_y[i] = row.y;
            row_ahead[i] = row.ahead;
        }
    }
};

class Descent {
public:
    Descent(std::span<const float> X, size_t m, size_t n, size_t l, uint64_t seed)
            : Y_(m, l),
              Z_(n, l),
              X_(m * Z_.ld),
              part_(m * Z_.ld),
              part_transposed_(n * Y_.ld),
              product_(m * Z_.ld),
              row_x_(m),
              col_x_(n),
              cols_(Z_.ld) {
        std::mt19937_64 random(seed);
        Y_.start(random);
        Z_.start(random);
        const auto [least, most] = std::minmax_element(X.begin(), X.end());
        const float range = *most - *least;
        for (size_t i = 0; i < m; ++i)
            for (size_t j = 0; j < n; ++j) {
                const float x = X[i * n + j] / range;
                X_[i * Z_.ld + j] = x;
                row_x_[i] += x;
                col_x_[j] += x;
            }
        fit_scales();
    }

    void step(float temperature) {
        make_residual();
        multiply(
                part_.data(), Z_.ld, Y_.count, Z_.ahead.data(), Z_.stride, Z_.count, Z_.stride,
                Y_.correlation.data(), Y_.stride);
        multiply(
                part_transposed_.data(), Y_.ld, Z_.count, Y_.ahead.data(), Y_.stride, Y_.count,
                Y_.stride, Z_.correlation.data(), Z_.stride);
        Y_.set_gradient(Z_, r_, s_, t_);
        Z_.set_gradient(Y_, r_, t_, s_);
        Y_.descend(part_, Z_.ld, r_, s_, temperature);
        Z_.descend(part_transposed_, Y_.ld, r_, t_, temperature);
        fit_scales();
    }

    SignPlane plane() const {
        SignPlane plane{Y_.l, {}, {}};
        const auto round = [](const Factor& factor, std::vector<int8_t>& signs) {
            for (size_t i = 0; i < factor.count; ++i)
                for (size_t k = 0; k < factor.l; ++k)
                    signs.push_back(factor.y[i * factor.stride + k] > 0.5f ? 1 : -1);
        };
        round(Y_, plane.S);
        round(Z_, plane.T);
        return plane;
    }

private:
    Factor Y_, Z_;
    Floats X_;               ///< divided by its range, m x ld of Z
    Floats part_;            ///< residual, m x ld of Z
    Floats part_transposed_; ///< n x ld of Y
    Floats product_;         ///< Y Z, m x ld of Z
    std::vector<double> row_x_, col_x_;
    Floats cols_;
    double r_ = 0, s_ = 0, t_ = 0, u_ = 0;

    void make_product(const Floats& y, const Floats& z) {
        kernels::transpose(z.data(), Z_.stride, Z_.count, Z_.l, Z_.transposed.data(), Z_.ld);
        multiply(
                y.data(), Y_.stride, Y_.count, Z_.transposed.data(), Z_.ld, Y_.l, Z_.ld,
                product_.data(), Z_.ld);
    }

    void make_residual() {
        make_product(Y_.ahead, Z_.ahead);
        for (size_t j = 0; j < Z_.count; ++j) cols_[j] = static_cast<float>(t_) * Z_.row_ahead[j];
        for (size_t i = 0; i < Y_.count; ++i)
            kernels::residual_row(
                    X_.data() + i * Z_.ld, product_.data() + i * Z_.ld, static_cast<float>(r_),
                    static_cast<float>(u_ + s_ * Y_.row_ahead[i]), cols_.data(), Z_.count,
                    part_.data() + i * Z_.ld);
        kernels::transpose(part_.data(), Z_.ld, Y_.count, Z_.count, part_transposed_.data(), Y_.ld);
    }

    /// Least squares of the multilinear energy: where a bit meets itself, its square is the bit.
    void fit_scales() {
        make_product(Y_.y, Z_.y);
        std::fill(cols_.begin(), cols_.end(), 0.0f);
        double yz = 0, yz_yz = 0, yz_x = 0, yz_y = 0, yz_z = 0, y = 0, yy = 0, z = 0, zz = 0;
        double x = 0, x_y = 0, x_z = 0;
        for (size_t i = 0; i < Y_.count; ++i) {
            const auto sums = kernels::product_sums(
                    X_.data() + i * Z_.ld, product_.data() + i * Z_.ld, Z_.ld, cols_.data());
            yz += sums.product;
            yz_yz += sums.squares;
            yz_x += sums.with_x;
            const double row = Y_.row_y[i];
            yz_y += row * sums.product;
            y += row;
            yy += row * row;
            x += row_x_[i];
            x_y += row * row_x_[i];
        }
        for (size_t j = 0; j < Z_.count; ++j) {
            const double col = Z_.row_y[j];
            yz_z += col * cols_[j];
            z += col;
            zz += col * col;
            x_z += col * col_x_[j];
        }
        yz_yz += yz;
        yz_y += yz;
        yz_z += yz;
        yy += y;
        zz += z;
        for (size_t k = 0; k < Y_.l; ++k) {
            const double y2 = Y_.y2_sums[k];
            const double z2 = Z_.y2_sums[k];
            yz_yz -= y2 * z2;
            yz_y -= y2 * Z_.y_sums[k];
            yz_z -= Y_.y_sums[k] * z2;
            yy -= y2;
            zz -= z2;
        }
        const auto m = static_cast<double>(Y_.count);
        const auto n = static_cast<double>(Z_.count);
        Eigen::Matrix4d normal;
        normal << yz_yz, yz_y, yz_z, yz,    //
                yz_y, yy * n, y * z, y * n, //
                yz_z, y * z, zz * m, z * m, //
                yz, y * n, z * m, m * n;
        const Eigen::Vector4d right(yz_x, x_y, x_z, x);
        const Eigen::Vector4d scales = least_norm_solution(normal, right);
        r_ = scales(0);
        s_ = scales(1);
        t_ = scales(2);
        u_ = scales(3);
    }
};

} // namespace

SignPlane descend_mean_field(
        std::span<const float> X, size_t m, size_t n, size_t l, size_t steps, uint64_t seed) {
    constexpr double kStartTemperature = 0.2, kEndTemperature = 0.005;
    Descent descent(X, m, n, l, seed);
    for (size_t i = 0; i < steps; ++i) {
        const double done =
                static_cast<double>(i) / static_cast<double>(std::max<size_t>(steps - 1, 1));
        descent.step(static_cast<float>(
                kStartTemperature + (kEndTemperature - kStartTemperature) * done));
    }
    return descent.plane();
}

} // namespace bqq
