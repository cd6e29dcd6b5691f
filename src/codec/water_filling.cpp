#include "codec/water_filling.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace bqq {

double water_level(std::span<const double> variances, double bits) {
    // With the K largest above: bits = sum of log2(variance / level) / 2.
    double sum = 0;
    double level = 0;
    for (size_t k = 0; k < variances.size() && variances[k] > 0; ++k) {
        if (variances[k] <= level) break;
        sum += std::log2(variances[k]);
        level = std::exp2((sum - 2 * bits) / static_cast<double>(k + 1));
    }
    return level;
}

double shannon_error(std::span<const double> variances, double bits) {
    const double level = water_level(variances, bits);
    double error = 0;
    for (const double variance : variances) error += std::clamp(variance, 0.0, level);
    return error;
}

} // namespace bqq
