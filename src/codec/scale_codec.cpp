#include <bqq/scale_codec.h>

namespace bqq {

namespace {

float quantize(float value, float min, float step, float largest) {
    if (step <= 0) return 0;
    return std::clamp(std::nearbyint((value - min) / step), 0.0f, largest);
}

} // namespace

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

void ScaleCodec::encode(const StoredScales& scales, uint8_t* bytes) const {
    if (metric == Metric::inner_product) {
        bytes[0] = static_cast<uint8_t>(quantize(scales.alpha, gain_min, gain_step, 255));
        return;
    }
    const auto norm = static_cast<uint16_t>(quantize(std::sqrt(scales.nu), 0, norm_step, 65535));
    bytes[1] = static_cast<uint8_t>(norm);
    bytes[2] = static_cast<uint8_t>(norm >> 8);
    // The ratio to the norm as it is stored, so that alpha does not inherit the norm's rounding.
    const float stored = norm_step * static_cast<float>(norm);
    bytes[0] = stored > 0 ? static_cast<uint8_t>(
                                    quantize(scales.alpha / stored, gain_min, gain_step, 255))
                          : 0;
}

} // namespace bqq
