#include "search/query_scan.h"

#include "kernels/sums_in_double.h"

#include <Eigen/Core>

#include <memory>

namespace bqq {

namespace {

/// What a key in units of the basis is multiplied by. It is less where keys of near vectors lie
/// well beyond the range of a float, so that they are still ordered.
double key_unit(const Basis& basis, const float* w, float length) {
    constexpr double kBeyond =
            16.0 * std::numeric_limits<float>::max(); // of a bound that is not tight
    constexpr double kInstead = 1e37;
    const bool l2 = basis.scales.metric == Metric::l2;
    double sum = 0;
    for (size_t k = 0; k < basis.M; ++k) sum += std::fabs(static_cast<double>(w[k]));
    double bound = sum * basis.scales.decode_near_alpha(basis.scales.last_near);
    if (l2) bound = 2 * bound + basis.scales.largest_near_nu();
    const double scale = basis.scale;
    const double unit = l2 ? scale * scale : length * scale;
    return unit * bound > kBeyond ? kInstead / bound : unit;
}

} // namespace

QueryScan::QueryScan(
        const Basis& basis, const float* w, const ScanParameters& parameters, float length)
        : scales_(basis.scales),
          l2_(basis.scales.metric == Metric::l2),
          code_bytes_((basis.M + 7) / 8) {
    const double unit = key_unit(basis, w, length);
    weight_ = static_cast<float>(l2_ ? 2 * unit : unit);
    nu_weight_ = unit;
    scales_.norm_first *= static_cast<float>(std::sqrt(unit));
    scales_.norm_step *= static_cast<float>(std::sqrt(unit));
    query_.assign({w, basis.M}, parameters.query_bits);
    // The margin is added to the product: a bound of the key from below.
    filter_ = {
            l2_,
            scales_.last_near,
            scales_.alpha_first,
            scales_.alpha_step,
            scales_.norm_first,
            scales_.norm_step,
            weight_ * query_.slope(),
            weight_ * (query_.offset() + parameters.margin * query_.error())};
    const float most = filter_.slope * static_cast<float>(kernels::kMaxScore);
    scores_all_ = !std::isfinite(most + std::fabs(filter_.offset));
}

float QueryScan::far_key(const uint8_t* stored, float dot) const {
    const StoredScales s = scales_.decode(stored);
    const double key =
            nu_weight_ * static_cast<double>(s.nu) -
            static_cast<double>(weight_) * static_cast<double>(s.alpha) * static_cast<double>(dot);
    constexpr double kMost = std::numeric_limits<float>::max();
    return static_cast<float>(std::clamp(key, -kMost, kMost));
}

std::vector<QueryScan> prepare_scans(
        const Basis& basis, std::span<const size_t> chosen, const float* x,
        const ScanParameters& parameters) {
    const size_t n = chosen.size();
    // Inner product: sums over a longer query may overflow, so w is computed of a part of it.
    constexpr float kLong = 1e20f;
    constexpr float kLengthOfLong = 0x1p64f;
    const auto q = std::make_unique_for_overwrite<float[]>(n * basis.d);
    const auto w = std::make_unique_for_overwrite<float[]>(n * basis.M);
    std::vector<float> lengths(n, 1.0f);
    for (size_t i = 0; i < n; ++i) {
        const float* row = x + chosen[i] * basis.d;
        float* unit = q.get() + i * basis.d;
        if (basis.scales.metric == Metric::l2) {
            basis.to_unit(row, basis.mean.data(), unit);
            continue;
        }
        const auto size = static_cast<Eigen::Index>(basis.d);
        const Eigen::Map<const Eigen::ArrayXf> query(row, size);
        if (query.abs().maxCoeff() > kLong) lengths[i] = kLengthOfLong;
        Eigen::Map<Eigen::ArrayXf>(unit, size) = query / lengths[i];
    }
    basis.project(q.get(), n, w.get());
    std::vector<QueryScan> scans;
    scans.reserve(n);
    for (size_t i = 0; i < n; ++i)
        scans.emplace_back(basis, w.get() + i * basis.M, parameters, lengths[i]);
    return scans;
}

double list_offset(Metric metric, const float* q, const float* c, size_t d) {
    return metric == Metric::l2 ? kernels::squared_distance(q, c, d)
                                : -kernels::inner_product(q, c, d);
}

} // namespace bqq
