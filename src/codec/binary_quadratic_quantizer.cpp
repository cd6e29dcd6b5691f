#include <bqq/binary_quadratic_quantizer.h>

#include "codec/bfloat16.h"
#include "codec/encoder.h"
#include "codec/training.h"
#include "kernels/dot_rows.h"
#include "kernels/squared_norm.h"
#include "solver/binary_quadratic_program.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

namespace bqq {

namespace {

bool is_finite(const float* x, size_t d) {
    constexpr uint32_t kExponent = 0x7f80'0000; // all ones: infinity or NaN
    uint32_t bad = 0;
    for (size_t j = 0; j < d; ++j)
        bad |= (std::bit_cast<uint32_t>(x[j]) & kExponent) == kExponent ? 1 : 0;
    return bad == 0;
}

} // namespace

void check_finite(const float* x, size_t n, size_t d, const char* what) {
    for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j < d && !is_finite(x + i * d, d); ++j)
            if (!std::isfinite(x[i * d + j]))
                throw std::invalid_argument(
                        "BQQ: " + std::string(what) + " got " + std::to_string(x[i * d + j]) +
                        " at row " + std::to_string(i) + ", column " + std::to_string(j));
}

BinaryQuadraticQuantizer::BinaryQuadraticQuantizer(size_t d_, size_t M_, Metric metric_, int depth_)
        : d(d_), M(M_), depth(depth_), metric(metric_) {
    if (d == 0) throw std::invalid_argument("BQQ: dimension d = 0, must be at least 1");
    if (M == 0 || M > kMaxAtoms)
        throw std::invalid_argument(
                "BQQ: " + std::to_string(M) + " bits a vector, must be 1 to " +
                std::to_string(kMaxAtoms));
    if (depth < 1 || depth > kMaxDepth)
        throw std::invalid_argument(
                "BQQ: basis depth " + std::to_string(depth) + ", must be 1 to " +
                std::to_string(kMaxDepth));
    scales_.metric = metric;
    code_size = bits_size() + scales_.size();
}

void BinaryQuadraticQuantizer::train(
        size_t n, const float* x, const TrainingParameters& parameters, const float* centres) {
    if (n < M)
        throw std::invalid_argument(
                "BQQ: train() got " + std::to_string(n) + " vectors, " + std::to_string(M) +
                " atoms need at least " + std::to_string(M));
    check_finite(x, n, d, "train()");
    Trained trained = train_embedding(n, x, centres, d, M, depth, metric, parameters);
    set_trained(std::move(trained.basis), trained.scales);
}

void BinaryQuadraticQuantizer::set_trained(Basis basis, const ScaleCodec& scales) {
    // What files keep of them.
    for (float& scale : basis.rho) scale = to_bfloat16(scale);
    basis.expand();
    atoms_ = std::make_shared<kernels::PackedRows>(basis.B.data(), d, M, d);
    program_ = std::make_shared<BinaryQuadraticProgram>(basis.B, M, d);
    basis_ = std::move(basis);
    scales_ = scales;
    is_trained = true;
}

void BinaryQuadraticQuantizer::compute_codes(
        const float* x, uint8_t* codes, size_t n, const float* centres, double* errors) const {
    if (!is_trained) throw std::logic_error("BQQ: compute_codes() before train()");
    check_finite(x, n, d, "compute_codes()");
    // Vectors in units of the basis and their signs are held for this many at a time.
    constexpr size_t kBatch = 1024;
    const size_t stride = program_->stride();
    const size_t most = std::min(kBatch, n);
    std::vector<float> unit(most * d), signs(most * stride);
    std::vector<double> x2(most), centre_dots(most, 0);
    std::vector<Fit> fits(most);
    for (size_t begin = 0; begin < n; begin += kBatch) {
        const size_t rows = std::min(kBatch, n - begin);
        for (size_t i = 0; i < rows; ++i) {
            float* u = unit.data() + i * d;
            const float* centre =
                    centres != nullptr ? centres + (begin + i) * d : basis_.mean.data();
            to_unit(basis_, x + (begin + i) * d, centre, u);
            x2[i] = kernels::squared_norm(u, d);
            const float weight = gain_weight(x2[i]);
            for (size_t j = 0; j < d; ++j) u[j] *= weight;
        }
        encode_weighted(*program_, *atoms_, unit.data(), x2.data(), rows, signs.data(), fits);
        if (centres != nullptr)
            multiply_centres(
                    basis_, *atoms_, centres + begin * d, rows, signs.data(), stride,
                    centre_dots.data());
        for (size_t i = 0; i < rows; ++i) {
            uint8_t* code = codes + (begin + i) * code_size;
            std::fill_n(code, bits_size(), uint8_t{0});
            for (size_t k = 0; k < M; ++k)
                if (signs[i * stride + k] > 0) code[k / 8] |= static_cast<uint8_t>(1u << (k % 8));
            const Fit& fit = fits[i];
            scales_.encode(
                    scales_.calibrate(fit.dot, fit.xhat2, fit.x2), fit.dot, centre_dots[i],
                    code + bits_size());
            if (errors != nullptr)
                errors[begin + i] = fit.residual() * static_cast<double>(basis_.scale) *
                                    static_cast<double>(basis_.scale);
        }
    }
}

void BinaryQuadraticQuantizer::decode(
        const uint8_t* codes, float* x, size_t n, const float* centres) const {
    if (!is_trained) throw std::logic_error("BQQ: decode() before train()");
#pragma omp parallel for if (n > 100)
    for (int64_t row = 0; row < static_cast<int64_t>(n); ++row) {
        const uint8_t* code = codes + static_cast<size_t>(row) * code_size;
        std::vector<float> sum(d);
        for (size_t k = 0; k < M; ++k) {
            const float s = (code[k / 8] >> (k % 8) & 1) != 0 ? 1.0f : -1.0f;
            const float* atom = basis_.B.data() + k * d;
            for (size_t j = 0; j < d; ++j) sum[j] += s * atom[j];
        }
        const float length = basis_.scale * scales_.decode_alpha(code[bits_size()]);
        const float* centre =
                centres != nullptr ? centres + static_cast<size_t>(row) * d : basis_.mean.data();
        float* out = x + static_cast<size_t>(row) * d;
        for (size_t j = 0; j < d; ++j) out[j] = centre[j] + length * sum[j];
    }
}

void BinaryQuadraticQuantizer::project(const float* x, float* w, size_t n) const {
    kernels::dot_rows(x, d, n, *atoms_, w, M);
}

void BinaryQuadraticQuantizer::project_code(const uint8_t* code, float* w) const {
    std::vector<float> signs(M);
    for (size_t k = 0; k < M; ++k) signs[k] = (code[k / 8] >> (k % 8) & 1) != 0 ? 1.0f : -1.0f;
    program_->project_signs(signs.data(), w);
    const float alpha = scales_.decode_alpha(code[bits_size()]);
    for (size_t k = 0; k < M; ++k) w[k] *= alpha;
}

} // namespace bqq
