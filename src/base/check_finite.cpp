#include "base/check_finite.h"

#include <bqq/error.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <string>

namespace bqq {

void check_finite(const float* x, size_t n, size_t d, const char* what) {
    constexpr uint32_t kExponent = 0x7f80'0000; // all ones: infinity or NaN
    for (size_t i = 0; i < n; ++i) {
        const float* row = x + i * d;
        uint32_t bad = 0;
        for (size_t j = 0; j < d; ++j)
            bad |= (std::bit_cast<uint32_t>(row[j]) & kExponent) == kExponent ? 1 : 0;
        for (size_t j = 0; j < d && bad != 0; ++j)
            if (!std::isfinite(row[j]))
                throw InvalidArgument(
                        "BQQ: " + std::string(what) + " got " + std::to_string(row[j]) +
                        " at row " + std::to_string(i) + ", column " + std::to_string(j));
    }
}

} // namespace bqq
