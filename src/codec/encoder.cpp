#include "codec/encoder.h"

#include <Eigen/Core>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace bqq {

void to_unit(const Basis& basis, const float* x, const float* centre, float* unit) {
    // Farther out than this a coordinate is clamped, so that squares stay finite in float.
    constexpr float kFar = 1e15f;
    const float inverse = 1 / basis.scale;
    using Row = Eigen::Map<const Eigen::ArrayXf>;
    const auto d = static_cast<Eigen::Index>(basis.d);
    Eigen::Map<Eigen::ArrayXf> to(unit, d);
    to = ((Row(x, d) - Row(centre, d)) * inverse).max(-kFar).min(kFar);
}

float gain_weight(double x2) {
    return x2 > 0 ? static_cast<float>(1 / std::sqrt(std::sqrt(x2))) : 1.0f;
}

namespace {

/// What the signs that solve() found make of h, |x|^2 left out.
Fit measure(
        const BinaryQuadraticProgram& program, const float* h, const float* field,
        const float* signs, size_t M) {
    double dot = 0;
    for (size_t k = 0; k < M; ++k) dot += static_cast<double>(h[k]) * static_cast<double>(signs[k]);
    return {dot, program.reconstruction_energy(h, field, signs), 0};
}

} // namespace

void encode_weighted(
        const BinaryQuadraticProgram& program, const kernels::PackedRows& atoms, const float* unit,
        const double* x2, size_t n, float* signs, std::span<Fit> fits) {
    const size_t M = atoms.size();
    const size_t d = atoms.d();
    const size_t stride = program.stride();
    constexpr size_t kRows = 48; // rows projected together, so that B is read once for all of them
    const auto blocks = static_cast<int64_t>((n + kRows - 1) / kRows);
#pragma omp parallel if (blocks > 1)
    {
        std::vector<float> h(kRows * stride);
        std::vector<float> field(stride), scaled(stride), again(stride);
#pragma omp for schedule(dynamic)
        for (int64_t block = 0; block < blocks; ++block) {
            const size_t begin = static_cast<size_t>(block) * kRows;
            const size_t rows = std::min(kRows, n - begin);
            kernels::dot_rows(unit + begin * d, d, rows, atoms, h.data(), stride);
            for (size_t i = 0; i < rows; ++i) {
                const float* hi = h.data() + i * stride;
                float* s = signs + (begin + i) * stride;
                std::copy_n(hi, stride, field.begin());
                program.solve(field.data(), s);
                if (fits.empty()) continue;
                Fit fit = measure(program, hi, field.data(), s, M);
                const double alpha = fit.dot / fit.xhat2;
                if (alpha > 0 && std::isfinite(alpha)) {
                    for (size_t k = 0; k < M; ++k) scaled[k] = static_cast<float>(hi[k] / alpha);
                    std::copy_n(scaled.data(), stride, field.begin());
                    program.solve(field.data(), again.data());
                    Fit second = measure(program, scaled.data(), field.data(), again.data(), M);
                    second.dot *= alpha;
                    if (second.dot * second.dot * fit.xhat2 > fit.dot * fit.dot * second.xhat2) {
                        fit = second;
                        std::copy_n(again.data(), stride, s);
                    }
                }
                fit.dot /= static_cast<double>(gain_weight(x2[begin + i]));
                fit.x2 = x2[begin + i];
                fits[begin + i] = fit;
            }
        }
    }
}

void multiply_centres(
        const Basis& basis, const kernels::PackedRows& atoms, const float* centres, size_t n,
        const float* signs, size_t stride, double* dots) {
    const size_t d = basis.d;
    const size_t M = basis.M;
    constexpr size_t kRows = 48;
    const auto blocks = static_cast<int64_t>((n + kRows - 1) / kRows);
#pragma omp parallel if (blocks > 1)
    {
        std::vector<float> unit(kRows * d), w(kRows * M);
#pragma omp for
        for (int64_t block = 0; block < blocks; ++block) {
            const size_t begin = static_cast<size_t>(block) * kRows;
            const size_t rows = std::min(kRows, n - begin);
            for (size_t i = 0; i < rows; ++i)
                to_unit(basis, centres + (begin + i) * d, basis.mean.data(), unit.data() + i * d);
            kernels::dot_rows(unit.data(), d, rows, atoms, w.data(), M);
            for (size_t i = 0; i < rows; ++i) {
                const float* s = signs + (begin + i) * stride;
                dots[begin + i] = std::inner_product(s, s + M, w.data() + i * M, 0.0);
            }
        }
    }
}

} // namespace bqq
