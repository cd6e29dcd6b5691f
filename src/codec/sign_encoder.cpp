#include "codec/sign_encoder.h"

#include "codec/tied_atoms.h"

#include <algorithm>
#include <cmath>

namespace bqq {

float gain_weight(double x2) {
    return x2 > 0 ? static_cast<float>(1 / std::sqrt(std::sqrt(x2))) : 1.0f;
}

void SignEncoder::encode(
        const float* unit, size_t ld, const double* x2, size_t n, float* signs, std::span<Fit> fits,
        Scratch& scratch) const {
    const size_t width = products();
    scratch.h.resize(n * width);
    scratch.scaled.resize(width);
    scratch.again.resize(stride());
    multiply(unit, ld, n, scratch.h.data());
    for (size_t i = 0; i < n; ++i) {
        const float* h = scratch.h.data() + i * width;
        float* s = signs + i * stride();
        Fit fit{};
        solve(h, scratch.field, s, fits.empty() ? nullptr : &fit);
        if (fits.empty()) continue;
        const double alpha = fit.dot / fit.xhat2;
        if (alpha > 0 && std::isfinite(alpha)) {
            for (size_t k = 0; k < width; ++k) scratch.scaled[k] = static_cast<float>(h[k] / alpha);
            Fit second{};
            solve(scratch.scaled.data(), scratch.field, scratch.again.data(), &second);
            second.dot *= alpha;
            if (second.dot * second.dot * fit.xhat2 > fit.dot * fit.dot * second.xhat2) {
                fit = second;
                std::copy(scratch.again.begin(), scratch.again.end(), s);
            }
        }
        fit.dot /= static_cast<double>(gain_weight(x2[i]));
        fit.x2 = x2[i];
        fits[i] = fit;
    }
}

void FreeSignEncoder::solve(
        const float* h, std::vector<float>& field, float* signs, Fit* fit) const {
    field.assign(h, h + stride());
    program_.solve(field.data(), signs);
    if (fit == nullptr) return;
    double dot = 0;
    for (size_t k = 0; k < M(); ++k)
        dot += static_cast<double>(h[k]) * static_cast<double>(signs[k]);
    *fit = {dot, program_.reconstruction_energy(h, field.data(), signs), 0};
}

std::unique_ptr<const SignEncoder> make_sign_encoder(const Basis& basis) {
    if (basis.tied()) return std::make_unique<const TiedSignEncoder>(basis);
    return std::make_unique<const FreeSignEncoder>(basis.expanded(), basis.M, basis.d);
}

} // namespace bqq
