#include "search/query_scan.h"

#include <memory>

namespace bqq {

QueryScan::QueryScan(const Basis& basis, const float* w, const ScanParameters& parameters)
        : scales_(basis.scales),
          l2_(basis.scales.metric == Metric::l2),
          scores_all_(std::isinf(parameters.margin)),
          code_bytes_((basis.M + 7) / 8) {
    // Distances between vectors of a larger scale are beyond the range of a float.
    constexpr float kLargestScale = 1e18f;
    const float scale = std::min(basis.scale, kLargestScale);
    weight_ = l2_ ? 2 * scale * scale : scale;
    scales_.norm_first *= scale;
    scales_.norm_step *= scale;
    query_.assign({w, basis.M}, parameters.query_bits);
    // The margin is added to the product: a bound of the key from below.
    const float margin = scores_all_ ? 0 : parameters.margin;
    filter_ = {
            l2_,
            scales_.alpha_first,
            scales_.alpha_step,
            scales_.norm_first,
            scales_.norm_step,
            weight_ * query_.slope(),
            weight_ * (query_.offset() + margin * query_.error())};
}

std::vector<QueryScan> prepare_scans(
        const Basis& basis, std::span<const size_t> chosen, const float* x,
        const ScanParameters& parameters) {
    const size_t n = chosen.size();
    const auto q = std::make_unique_for_overwrite<float[]>(n * basis.d);
    const auto w = std::make_unique_for_overwrite<float[]>(n * basis.M);
    for (size_t i = 0; i < n; ++i) {
        const float* row = x + chosen[i] * basis.d;
        if (basis.scales.metric == Metric::l2)
            basis.to_unit(row, basis.mean.data(), q.get() + i * basis.d);
        else
            std::copy_n(row, basis.d, q.get() + i * basis.d);
    }
    basis.project(q.get(), n, w.get());
    std::vector<QueryScan> scans;
    scans.reserve(n);
    for (size_t i = 0; i < n; ++i) scans.emplace_back(basis, w.get() + i * basis.M, parameters);
    return scans;
}

double list_offset(Metric metric, const float* q, const float* c, size_t d) {
    constexpr size_t kSums = 8; // partial sums that compilers vectorize
    double sums[kSums] = {};
    const auto add = [&](size_t j, double& sum) {
        const double x = q[j], y = c[j];
        if (metric == Metric::l2)
            sum += (x - y) * (x - y);
        else
            sum -= x * y;
    };
    const size_t whole = d / kSums * kSums;
    for (size_t j = 0; j < whole; j += kSums)
        for (size_t l = 0; l < kSums; ++l) add(j + l, sums[l]);
    for (size_t j = whole; j < d; ++j) add(j, sums[0]);
    double total = 0;
    for (const double sum : sums) total += sum;
    return total;
}

} // namespace bqq
