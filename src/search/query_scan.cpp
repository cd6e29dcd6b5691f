#include "search/query_scan.h"

#include "codec/encoder.h"
#include "kernels/squared_norm.h"

#include <algorithm>
#include <memory>

namespace bqq {

QueryScan::QueryScan(
        const BinaryQuadraticQuantizer& quantizer, const float* w, const ScanParameters& parameters)
        : scales_(quantizer.scales()),
          l2_(quantizer.metric == Metric::l2),
          code_bytes_(quantizer.bits_size()) {
    query_.assign({w, quantizer.M}, parameters.query_bits);
    // Twice the product for L2, and the margin added to it: a bound from below.
    const float weight = l2_ ? 2.0f : 1.0f;
    filter_ = {
            l2_,
            scales_.alpha_first,
            scales_.alpha_step,
            scales_.norm_first,
            scales_.norm_step,
            weight * query_.slope(),
            weight * (query_.offset() + parameters.margin * query_.error())};
}

std::vector<QueryScan> prepare_scans(
        const BinaryQuadraticQuantizer& quantizer, size_t n, const float* x,
        const ScanParameters& parameters, double* q2) {
    const Basis& basis = quantizer.basis();
    const size_t d = quantizer.d;
    const bool l2 = quantizer.metric == Metric::l2;
    const auto q = std::make_unique_for_overwrite<float[]>(l2 ? n * d : 0);
    const auto w = std::make_unique_for_overwrite<float[]>(n * quantizer.M);
    for (size_t i = 0; i < n; ++i) {
        double term = 0;
        if (l2) {
            to_unit(basis, x + i * d, basis.mean.data(), q.get() + i * d);
            if (q2 != nullptr) term = kernels::squared_norm(q.get() + i * d, d);
        } else if (q2 != nullptr) {
            for (size_t j = 0; j < d; ++j)
                term += static_cast<double>(x[i * d + j]) * static_cast<double>(basis.mean[j]);
            term /= static_cast<double>(basis.scale);
        }
        if (q2 != nullptr) q2[i] = term;
    }
    quantizer.project(l2 ? q.get() : x, w.get(), n);
    std::vector<QueryScan> scans;
    scans.reserve(n);
    for (size_t i = 0; i < n; ++i)
        scans.emplace_back(quantizer, w.get() + i * quantizer.M, parameters);
    return scans;
}

std::vector<QueryScan> prepare_scans(
        const BinaryQuadraticQuantizer& quantizer, std::span<const size_t> chosen, const float* x,
        const ScanParameters& parameters, double* q2) {
    if (chosen.empty()) return {};
    const size_t d = quantizer.d;
    if (chosen.back() - chosen.front() + 1 == chosen.size()) // one after the other
        return prepare_scans(quantizer, chosen.size(), x + chosen.front() * d, parameters, q2);
    const auto rows = std::make_unique_for_overwrite<float[]>(chosen.size() * d);
    for (size_t i = 0; i < chosen.size(); ++i)
        std::copy_n(x + chosen[i] * d, d, rows.get() + i * d);
    return prepare_scans(quantizer, chosen.size(), rows.get(), parameters, q2);
}

} // namespace bqq
