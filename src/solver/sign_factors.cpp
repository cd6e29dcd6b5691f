#include "solver/sign_factors.h"

#include "base/linear_algebra.h"
#include "kernels/flips.h"
#include "kernels/mean_field.h"
#include "kernels/products.h"
#include "solver/exponential_noise.h"
#include "solver/large_products.h"

#include <Eigen/Core>

#include <algorithm>
#include <cassert>
#include <utility>

namespace bqq {

SignFactors::SignFactors(std::span<const float> X, size_t m, size_t n, uint64_t seed)
        : X_(X.begin(), X.end()), begin_{0}, random_(seed) {
    assert(X.size() == m * n);
    S_.count = m;
    S_.ld = kernels::padded(m);
    T_.count = n;
    T_.ld = kernels::padded(n);
    E_.resize(m * T_.ld);
    Et_.resize(n * S_.ld);
    double sum = 0;
    for (const float x : X) sum += x;
    u_ = sum / static_cast<double>(X.size());
    update_residual();
}

void SignFactors::extend(Factor& factor, const std::vector<int8_t>& signs, size_t l) {
    const size_t K_before = K();
    const size_t K_after = K_before + l;
    const size_t stride = kernels::padded(K_after);
    Floats wider(factor.count * stride, 1.0f);
    for (size_t i = 0; i < factor.count; ++i) {
        std::copy_n(factor.signs.data() + i * stride_, K_before, wider.data() + i * stride);
        std::copy_n(signs.data() + i * l, l, wider.data() + i * stride + K_before);
    }
    factor.signs = std::move(wider);
    factor.transposed.assign(K_after * factor.ld, 0.0f);
    factor.words.assign((factor.count + 31) / 32 * stride, 0);
    factor.sums.assign(stride, 0.0f);
    for (size_t i = 0; i < factor.count; ++i) {
        for (size_t k = 0; k < K_after; ++k) {
            const float sign = factor.signs[i * stride + k];
            factor.transposed[k * factor.ld + i] = sign;
            factor.sums[k] += sign;
            factor.words[i / 32 * stride + k] |= uint32_t{sign > 0} << (i % 32);
        }
    }
}

void SignFactors::add_plane(const SignPlane& plane, const SignScales& scales) {
    assert(plane.S.size() == S_.count * plane.l && plane.T.size() == T_.count * plane.l);
    extend(S_, plane.S, plane.l);
    extend(T_, plane.T, plane.l);
    plane_.insert(plane_.end(), plane.l, scales_.size());
    begin_.push_back(K() + plane.l);
    stride_ = kernels::padded(K());
    scales_.push_back(scales);
    for (Floats* array : {&unit_, &scale_, &offset_, &diagonal_}) array->assign(stride_, 0.0f);
    noise_ = exponential_noise(stride_);
    gram_.resize(K() * stride_);
    const size_t most = std::max(S_.count, T_.count);
    fields_.resize(most * stride_);
    update_residual();
}

SignPlane SignFactors::plane(size_t p) const {
    SignPlane plane{begin_[p + 1] - begin_[p], {}, {}};
    const auto copy = [&](const Factor& factor, std::vector<int8_t>& signs) {
        for (size_t i = 0; i < factor.count; ++i)
            for (size_t k = begin_[p]; k < begin_[p + 1]; ++k)
                signs.push_back(factor.signs[i * stride_ + k] > 0 ? 1 : -1);
    };
    copy(S_, plane.S);
    copy(T_, plane.T);
    return plane;
}

/// E = X - sum_p (a S T + b S 1 + c 1 T) - u.
void SignFactors::update_residual() {
    const size_t m = S_.count;
    const size_t n = T_.count;
    std::vector<double> rows(m, u_);
    std::vector<double> cols(n, 0.0);
    Floats scaled(S_.signs.size());
    for (size_t i = 0; i < m; ++i)
        for (size_t k = 0; k < K(); ++k) {
            const SignScales& scales = scales_[plane_[k]];
            const float sign = S_.signs[i * stride_ + k];
            rows[i] += scales.b * sign;
            scaled[i * stride_ + k] = static_cast<float>(scales.a) * sign;
        }
    for (size_t j = 0; j < n; ++j)
        for (size_t k = 0; k < K(); ++k)
            cols[j] += scales_[plane_[k]].c * T_.signs[j * stride_ + k];
    multiply(scaled.data(), stride_, m, T_.transposed.data(), T_.ld, K(), T_.ld, E_.data(), T_.ld);
    for (size_t i = 0; i < m; ++i)
        for (size_t j = 0; j < n; ++j) {
            float& e = E_[i * T_.ld + j];
            e = static_cast<float>(X_[i * n + j] - rows[i] - cols[j] - e);
        }
    kernels::transpose(E_.data(), T_.ld, m, n, Et_.data(), S_.ld);
}

/// Atoms a t_k + b 1 of the columns of T for the rows of S, or a s_k + c 1.
void SignFactors::make_gram(const Factor& factor, bool of_S) {
    for (size_t k = 0; k < K(); ++k) {
        const SignScales& scales = scales_[plane_[k]];
        scale_[k] = static_cast<float>(scales.a);
        offset_[k] = static_cast<float>(of_S ? scales.b : scales.c);
    }
    kernels::atom_gram(
            {factor.count, K(), stride_, factor.words.data(), factor.sums.data(), scale_.data(),
             offset_.data()},
            gram_.data());
}

void SignFactors::half_round(
        Factor& mine, const Factor& other, bool of_S, Floats& E,
        std::span<const double> temperatures, size_t sweeps) {
    make_gram(other, of_S);
    for (size_t k = 0; k < K(); ++k) {
        diagonal_[k] = std::exchange(gram_[k * stride_ + k], 0.0f);
        unit_[k] = static_cast<float>(temperatures[plane_[k]]);
    }
    const kernels::Coupling coupling{K(), stride_, gram_.data(), unit_.data()};
    const kernels::AffineAtoms atoms{stride_, scale_.data(), offset_.data(), diagonal_.data()};
    // The draws of a row follow those of the row before it, whichever thread has it.
    std::vector<uint64_t> random(mine.count);
    for (uint64_t& state : random) {
        state = random_;
        for (size_t i = 0; i < sweeps; ++i) random_ = kernels::next_random(random_);
    }
    struct Buffers {
        std::vector<uint32_t> flipped;
        std::vector<float> factors;
    };
    parallel_ranges_with(
            mine.count, rows_of_thread(mine.count, mine.count * other.count * stride_),
            [&] {
                return Buffers{
                        std::vector<uint32_t>(sweeps * K()), std::vector<float>(sweeps * K())};
            },
            [&](Buffers& buffers, size_t first, size_t last) {
                kernels::multiply(
                        E.data() + first * other.ld, other.ld, last - first, other.signs.data(),
                        stride_, other.count, stride_, fields_.data() + first * stride_, stride_);
                for (size_t i = first; i < last; ++i) {
                    float* e = E.data() + i * other.ld;
                    float* sign = mine.signs.data() + i * stride_;
                    float* field = fields_.data() + i * stride_;
                    kernels::correlations_to_field(atoms, e, other.ld, sign, field);
                    const size_t flips = kernels::sweep_flips(
                            coupling, 1.0f, sweeps, noise_, random[i], field, sign,
                            buffers.flipped.data());
                    if (flips == 0) continue;
                    float constant = 0;
                    for (size_t f = 0; f < flips; ++f) {
                        const size_t k = buffers.flipped[f];
                        const float change = 2 * mine.transposed[k * mine.ld + i];
                        mine.transposed[k * mine.ld + i] *= -1;
                        mine.words[i / 32 * stride_ + k] ^= uint32_t{1} << (i % 32);
                        buffers.factors[f] = change * scale_[k];
                        constant += change * offset_[k];
                    }
                    kernels::add_rows(
                            {buffers.flipped.data(), flips}, {buffers.factors.data(), flips},
                            other.transposed.data(), other.ld, other.ld, constant, e);
                    // The constant has no part in the padding.
                    std::fill(e + other.count, e + other.ld, 0.0f);
                }
            });
    for (size_t k = 0; k < K(); ++k)
        mine.sums[k] = kernels::sum(mine.transposed.data() + k * mine.ld, mine.ld);
}

void SignFactors::round(std::span<const double> temperatures, size_t sweeps) {
    assert(planes() > 0 && temperatures.size() == planes() && sweeps > 0);
    half_round(S_, T_, true, E_, temperatures, sweeps);
    kernels::transpose(E_.data(), T_.ld, S_.count, T_.count, Et_.data(), S_.ld);
    half_round(T_, S_, false, Et_, temperatures, sweeps);
    kernels::transpose(Et_.data(), S_.ld, T_.count, S_.count, E_.data(), T_.ld);
}

void SignFactors::fit_scales() {
    // Least squares for the change of the scales, from the residual: unknowns a, b, c of each
    // plane, u.
    update_residual();
    const size_t m = S_.count;
    const size_t n = T_.count;
    const auto unknowns = static_cast<Eigen::Index>(3 * planes() + 1);
    const Eigen::Index last = unknowns - 1;
    Eigen::MatrixXd normal = Eigen::MatrixXd::Zero(unknowns, unknowns);
    Eigen::VectorXd right = Eigen::VectorXd::Zero(unknowns);

    std::fill_n(scale_.begin(), K(), 1.0f);
    std::fill_n(offset_.begin(), K(), 0.0f);
    const auto signs_gram = [&](const Factor& factor) {
        kernels::atom_gram(
                {factor.count, K(), stride_, factor.words.data(), factor.sums.data(), scale_.data(),
                 offset_.data()},
                gram_.data());
    };
    signs_gram(S_);
    const Floats S_gram = gram_;
    signs_gram(T_);
    const Floats& T_gram = gram_;

    for (size_t k = 0; k < K(); ++k) {
        const auto p = static_cast<Eigen::Index>(3 * plane_[k]);
        const double Ss = S_.sums[k];
        const double Ts = T_.sums[k];
        for (size_t h = 0; h < K(); ++h) {
            const auto q = static_cast<Eigen::Index>(3 * plane_[h]);
            const double SS = S_gram[k * stride_ + h];
            const double TT = T_gram[k * stride_ + h];
            normal(p, q) += SS * TT;
            normal(p, q + 1) += SS * Ts;
            normal(p + 1, q) += SS * T_.sums[h];
            normal(p, q + 2) += Ss * TT;
            normal(p + 2, q) += S_.sums[h] * TT;
            normal(p + 1, q + 1) += SS * static_cast<double>(n);
            normal(p + 2, q + 2) += TT * static_cast<double>(m);
            normal(p + 1, q + 2) += Ss * T_.sums[h];
            normal(p + 2, q + 1) += S_.sums[h] * Ts;
        }
        normal(p, last) += Ss * Ts;
        normal(p + 1, last) += Ss * static_cast<double>(n);
        normal(p + 2, last) += Ts * static_cast<double>(m);
    }
    normal(last, last) = static_cast<double>(m * n);
    normal.row(last) = normal.col(last).transpose();

    multiply(E_.data(), T_.ld, m, T_.signs.data(), stride_, n, stride_, fields_.data(), stride_);
    std::vector<double> cols(n, 0.0);
    for (size_t i = 0; i < m; ++i) {
        double row = 0;
        for (size_t j = 0; j < n; ++j) {
            row += E_[i * T_.ld + j];
            cols[j] += E_[i * T_.ld + j];
        }
        right(last) += row;
        for (size_t k = 0; k < K(); ++k) {
            const auto p = static_cast<Eigen::Index>(3 * plane_[k]);
            const double sign = S_.signs[i * stride_ + k];
            right(p) += sign * fields_[i * stride_ + k];
            right(p + 1) += sign * row;
        }
    }
    for (size_t j = 0; j < n; ++j)
        for (size_t k = 0; k < K(); ++k)
            right(static_cast<Eigen::Index>(3 * plane_[k]) + 2) +=
                    T_.signs[j * stride_ + k] * cols[j];

    // Planes can be collinear, as those of a constant matrix are: the solution of least norm.
    const Eigen::VectorXd change = least_norm_solution(normal, right);
    for (size_t p = 0; p < planes(); ++p) {
        const auto q = static_cast<Eigen::Index>(3 * p);
        scales_[p].a += change(q);
        scales_[p].b += change(q + 1);
        scales_[p].c += change(q + 2);
    }
    u_ += change(last);
    update_residual();
}

double SignFactors::mse() const {
    double sum = 0;
    for (size_t i = 0; i < S_.count; ++i)
        for (size_t j = 0; j < T_.count; ++j) {
            const double e = E_[i * T_.ld + j];
            sum += e * e;
        }
    return sum / static_cast<double>(X_.size());
}

std::vector<float> SignFactors::residual() const {
    std::vector<float> E;
    E.reserve(X_.size());
    for (size_t i = 0; i < S_.count; ++i)
        E.insert(
                E.end(), E_.begin() + static_cast<std::ptrdiff_t>(i * T_.ld),
                E_.begin() + static_cast<std::ptrdiff_t>(i * T_.ld + T_.count));
    return E;
}

} // namespace bqq
