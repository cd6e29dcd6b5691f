#include "codec/scale_codec.h"

#include "codec/bfloat16.h"

#include <algorithm>

namespace bqq {

StoredScales ScaleCodec::calibrate(const Fit& fit) const {
    if (fit.xhat2 <= 0 || fit.x2 <= 0 || fit.dot <= 0)
        return {0, metric == Metric::l2 ? static_cast<float>(fit.x2) : 0};
    const double cosine2 = std::clamp(fit.dot * fit.dot / (fit.xhat2 * fit.x2), 1e-2, 1.0);
    const double alpha = fit.dot / fit.xhat2;
    if (metric == Metric::inner_product)
        return {static_cast<float>(alpha * std::pow(cosine2, -calibration)), 0};
    return {static_cast<float>(alpha),
            static_cast<float>(fit.x2 * (1 - 2 * calibration * (1 - cosine2)))};
}

void ScaleCodec::set_ranges(
        float alpha_least, float alpha_most, float r_least, float r_most, float alpha_per_norm) {
    // Room for near vectors beyond those of the training set.
    constexpr float kAlphaRoom = 1.1f;
    constexpr float kNormRoom = 1.5f;
    // Alphas below this part of the largest share its byte, so that a few small ones do not coarsen
    // all steps.
    constexpr float kAlphaSpan = 1.0f / 256;
    set_far_range(metric == Metric::l2 ? alpha_per_norm : alpha_most);
    if (alpha_most > 0) {
        const float most = alpha_most * kAlphaRoom;
        const float least = std::max(alpha_least / kAlphaRoom, most * kAlphaSpan);
        const auto first = std::bit_cast<int32_t>(least);
        const int32_t steps = last_near - 1;
        alpha_step = (std::bit_cast<int32_t>(most) - first + steps - 1) / steps;
        alpha_first = first - alpha_step;
    }
    if (metric == Metric::inner_product) return;
    const float largest = kNormRoom * std::max(std::fabs(r_least), std::fabs(r_most));
    norm_first = r_least < 0 ? -largest : 0;
    norm_step = (largest - norm_first) / 65535;
}

void ScaleCodec::set_far_range(float most) {
    // The range of alpha / |r| is that of near vectors; that of alpha begins where theirs ends.
    constexpr float kOctavesBelow = 0x1p-7f, kOctavesAbove = 0x1p32f;
    if (most <= 0) most = 1;
    const bool l2 = metric == Metric::l2;
    last_near = 127;
    far_first = std::bit_cast<int32_t>(l2 ? most * kOctavesBelow : most);
    far_step = (std::bit_cast<int32_t>(l2 ? 2 * most : most * kOctavesAbove) - far_first) /
               (255 - last_near);
}

void ScaleCodec::encode(const Fit& fit, double centre_dot, uint8_t* bytes) const {
    const StoredScales scales = calibrate(fit);
    // A vector whose steps run past the bytes by more than this is far.
    constexpr int64_t kBeyond = 1;
    const bool has_far = far_step > 0;
    bytes[0] = 0;
    if (alpha_step == 0 && scales.alpha > 0 && has_far) return encode_far(fit, centre_dot, bytes);
    if (alpha_step > 0 && scales.alpha > decode_near_alpha(1) / 2) {
        const int64_t steps =
                (int64_t{std::bit_cast<int32_t>(scales.alpha)} - alpha_first + alpha_step / 2) /
                alpha_step;
        if (steps > last_near + kBeyond && has_far) return encode_far(fit, centre_dot, bytes);
        bytes[0] = static_cast<uint8_t>(std::clamp<int64_t>(steps, 1, last_near));
    }
    if (metric == Metric::inner_product) return;
    const double alpha = decode_near_alpha(bytes[0]);
    const double rounding = alpha - static_cast<double>(scales.alpha);
    const double nu =
            static_cast<double>(scales.nu) + 2 * rounding * fit.dot + 2 * alpha * centre_dot;
    const double r = std::copysign(std::sqrt(std::fabs(nu)), nu);
    const double steps =
            norm_step > 0 ? (r - static_cast<double>(norm_first)) / static_cast<double>(norm_step)
                          : 0;
    const bool beyond = steps > 65536 || steps < -1 || (norm_step <= 0 && r > 0);
    if (beyond && has_far) return encode_far(fit, centre_dot, bytes);
    // What is not a number becomes 0.
    const auto norm =
            static_cast<uint16_t>(steps > 0 ? std::min(std::nearbyint(steps), 65535.0) : 0);
    bytes[1] = static_cast<uint8_t>(norm);
    bytes[2] = static_cast<uint8_t>(norm >> 8);
}

void ScaleCodec::encode_far(const Fit& fit, double centre_dot, uint8_t* bytes) const {
    // Without calibration, which is about near neighbours.
    const double alpha = fit.xhat2 > 0 ? std::max(fit.dot / fit.xhat2, 0.0) : 0;
    double factor = alpha;
    if (metric == Metric::l2) {
        const double nu = fit.x2 + 2 * alpha * centre_dot;
        const auto r = static_cast<float>(std::copysign(std::sqrt(std::fabs(nu)), nu));
        const uint16_t bits = bfloat16_bits(to_bfloat16(r));
        bytes[1] = static_cast<uint8_t>(bits);
        bytes[2] = static_cast<uint8_t>(bits >> 8);
        factor = r != 0 ? alpha / std::fabs(static_cast<double>(r)) : 0;
    }
    const auto pattern = std::bit_cast<int32_t>(static_cast<float>(factor));
    const int64_t steps = (int64_t{pattern} - far_first + far_step / 2) / far_step;
    bytes[0] = static_cast<uint8_t>(std::clamp<int64_t>(last_near + steps, last_near + 1, 255));
}

StoredScales ScaleCodec::decode_far(const uint8_t* bytes) const {
    const float factor = std::bit_cast<float>(far_first + far_step * (bytes[0] - last_near));
    if (metric == Metric::inner_product) return {factor, 0};
    float r = from_bfloat16_bits(static_cast<uint16_t>(bytes[1] | bytes[2] << 8));
    constexpr float kMost = 2e18f; // Basis::to_unit() keeps vectors within half of this
    if (!(std::fabs(r) <= kMost)) r = std::copysign(kMost, r);
    return {factor * std::fabs(r), r * std::fabs(r)};
}

} // namespace bqq
