#include "search/query_scan.h"

#include "kernels/sums_in_double.h"

#include <Eigen/Core>

#include <memory>
#include <numeric>

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

/// Whether the products that bounds are made of are.
bool are_finite(const kernels::ScanFilter& filter) {
    const float most = filter.slope * static_cast<float>(kernels::kMaxScore);
    return std::isfinite(most + std::fabs(filter.offset));
}

/// Bytes of the first bits of a code, a multiple of 8; 0: such a code is always scanned whole.
size_t first_bytes(size_t code_bytes) {
    // At 256 bits it cost a tenth on two of three data sets, at 512 it gained 5 to 20 % on three of
    // four.
    constexpr size_t kLeast = 48;
    if (code_bytes < kLeast) return 0;
    // 24 of 64 bytes, 32 of 131 and 48 of 260 were the best, within 3 % of half and double of them.
    return static_cast<size_t>(2.75 * std::sqrt(static_cast<double>(code_bytes)) + 4) / 8 * 8;
}

} // namespace

QueryScan::QueryScan(
        const Basis& basis, const float* w, const ScanParameters& parameters, float length)
        : scales_(basis.scales),
          l2_(basis.scales.metric == Metric::l2),
          code_bytes_((basis.M + 7) / 8),
          margin_(parameters.margin) {
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
    scores_all_ = !are_finite(filter_);
    first_bytes_ = parameters.leave_early && !scores_all_ ? first_bytes(code_bytes_) : 0;
    if (first_bytes_ == 0) return;
    first_bits_.assign({w, 8 * first_bytes_}, std::min(parameters.query_bits, kFirstQueryBits));
    left_out_weights_.assign(kernels::padded(basis.M), 0);
    std::copy(w, w + basis.M, left_out_weights_.begin());
    for (size_t k = 0; k < 8 * first_bytes_; ++k)
        left_out_weights_[k] -= first_bits_.step() * static_cast<float>(first_bits_.integers()[k]);
    left_out_length_ =
            static_cast<float>(std::sqrt(kernels::squared_norm(left_out_weights_.data(), basis.M)));
    if (!std::isnormal(left_out_length_)) first_bytes_ = 0;
    // A filter costs as much as twelve bytes of the codes, and jumps from block to block a third.
    pays_from_ =
            1.3 * static_cast<double>(first_bytes_ + 12) / static_cast<double>(code_bytes_ + 12);
    left_out_sum_ = std::accumulate(left_out_weights_.begin(), left_out_weights_.end(), 0.0f);
}

std::optional<kernels::ScanFilter> QueryScan::first_filter(const LeftOut& left_out) const {
    kernels::ScanFilter filter = filter_;
    filter.slope = weight_ * first_bits_.slope();
    filter.offset =
            weight_ *
            (first_bits_.offset() +
             left_out_length_ * (left_out.mean() + margin_ * std::sqrt(left_out.variance())));
    if (!are_finite(filter)) return {};
    return filter;
}

void LeftOut::add(float part) {
    ++count_;
    const float weight = std::max(kLeastWeight, 1 / static_cast<float>(count_));
    const float change = part - mean_;
    mean_ += weight * change;
    variance_ += weight * (change * change * (1 - weight) - variance_);
}

bool LeftOut::is_worth_a_try() {
    if (count_ < kEnough) return false;
    if (waits_ == 0) return true;
    --waits_;
    return false;
}

void LeftOut::count_left(double part, double pays_from) {
    constexpr size_t kShortest = 7, kLongest = 31;
    pause_ = part >= pays_from ? 0 : std::clamp(2 * pause_ + 1, kShortest, kLongest);
    waits_ = pause_;
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
