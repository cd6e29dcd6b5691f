#include "codec/scale_codec.h"

#include <algorithm>

namespace bqq {

StoredScales ScaleCodec::calibrate(double dot, double xhat2, double x2) const {
    if (xhat2 <= 0 || x2 <= 0 || dot <= 0)
        return {0, metric == Metric::l2 ? static_cast<float>(x2) : 0};
    const double cosine2 = std::clamp(dot * dot / (xhat2 * x2), 1e-2, 1.0);
    const double alpha = dot / xhat2;
    if (metric == Metric::inner_product)
        return {static_cast<float>(alpha * std::pow(cosine2, -calibration)), 0};
    return {static_cast<float>(alpha),
            static_cast<float>(x2 * (1 - 2 * calibration * (1 - cosine2)))};
}

void ScaleCodec::set_ranges(float alpha_least, float alpha_most, float r_least, float r_most) {
    // Room for vectors beyond the training set's: a tenth of alpha, four times the root of nu.
    constexpr float kAlphaRoom = 1.1f;
    constexpr float kNormRoom = 4;
    // Alphas below this part of the largest share its byte, so that a few small ones do not coarsen
    // all steps.
    constexpr float kAlphaSpan = 1.0f / 256;
    if (alpha_most <= 0) return;
    const float most = alpha_most * kAlphaRoom;
    const float least = std::max(alpha_least / kAlphaRoom, most * kAlphaSpan);
    const auto first = std::bit_cast<int32_t>(least);
    alpha_step = (std::bit_cast<int32_t>(most) - first + 253) / 254;
    alpha_first = first - alpha_step;
    if (metric == Metric::inner_product) return;
    const float largest = kNormRoom * std::max(std::fabs(r_least), std::fabs(r_most));
    norm_first = r_least < 0 ? -largest : 0;
    norm_step = (largest - norm_first) / 65535;
}

void ScaleCodec::encode(
        const StoredScales& scales, double dot, double centre_dot, uint8_t* bytes) const {
    bytes[0] = 0;
    if (alpha_step > 0 && scales.alpha > decode_alpha(1) / 2) {
        const int64_t steps =
                (int64_t{std::bit_cast<int32_t>(scales.alpha)} - alpha_first + alpha_step / 2) /
                alpha_step;
        bytes[0] = static_cast<uint8_t>(std::clamp<int64_t>(steps, 1, 255));
    }
    if (metric == Metric::inner_product) return;
    const double alpha = decode_alpha(bytes[0]);
    const double rounding = alpha - static_cast<double>(scales.alpha);
    const double nu = static_cast<double>(scales.nu) + 2 * rounding * dot + 2 * alpha * centre_dot;
    const double r = std::copysign(std::sqrt(std::fabs(nu)), nu);
    const double steps =
            norm_step > 0 ? (r - static_cast<double>(norm_first)) / static_cast<double>(norm_step)
                          : 0;
    // What is not a number becomes 0.
    const auto norm =
            static_cast<uint16_t>(steps > 0 ? std::min(std::nearbyint(steps), 65535.0) : 0);
    bytes[1] = static_cast<uint8_t>(norm);
    bytes[2] = static_cast<uint8_t>(norm >> 8);
}

} // namespace bqq
