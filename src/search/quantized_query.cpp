#include "search/quantized_query.h"

#include "kernels/sums_in_double.h"

#include <Eigen/Core>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace bqq {

namespace {

/// kBit[b][v] has all bits set where bit b of v is.
struct NibbleBits {
    int16_t masks[4][16];
    constexpr NibbleBits() : masks() {
        for (int b = 0; b < 4; ++b)
            for (int v = 0; v < 16; ++v)
                masks[b][v] = static_cast<int16_t>((v >> b & 1) != 0 ? -1 : 0);
    }
};
constexpr NibbleBits kBits;

/// sums[v] = sum over the bits b of v of weights[b], less the least of these sums. (Loops that
/// compilers vectorize.)
void subset_sums(const int* weights, int16_t* sums) {
    int16_t w[4];
    int least = 0;
    for (int b = 0; b < 4; ++b) {
        w[b] = static_cast<int16_t>(weights[b]);
        least += std::min(weights[b], 0);
    }
    const auto bias = static_cast<int16_t>(-least);
    for (int v = 0; v < 16; ++v)
        sums[v] = static_cast<int16_t>(
                bias + (w[0] & kBits.masks[0][v]) + (w[1] & kBits.masks[1][v]) +
                (w[2] & kBits.masks[2][v]) + (w[3] & kBits.masks[3][v]));
}

} // namespace

void QuantizedQuery::assign(std::span<const float> w, int bits) {
    const size_t M = w.size();
    code_bytes_ = (M + 7) / 8;
    weights_.assign(kernels::padded(M), 0);
    std::copy(w.begin(), w.end(), weights_.begin());
    integers_.assign(code_bytes_ * 8, 0);

    const auto size = static_cast<Eigen::Index>(M);
    const Eigen::Map<const Eigen::ArrayXf> weights(w.data(), size);
    Eigen::Map<Eigen::ArrayXi> integers(integers_.data(), size);
    const auto levels = static_cast<float>((1 << (bits - 1)) - 1);
    // Rounding may add half a step an atom to the sum of the integers.
    const auto room = static_cast<float>(kernels::kMaxScore) - 0.5f * static_cast<float>(M + 1);
    // Sums of Eigen's depend on the machine.
    const double absolute_sum = kernels::sum_of(M, [&](size_t k) { return std::fabs(w[k]); });
    step_ = std::max(weights.abs().maxCoeff() / levels, static_cast<float>(absolute_sum) / room);
    const float inverse = step_ > 0 ? 1 / step_ : 0;
    if (std::isfinite(inverse)) integers = (weights * inverse).rint().cast<int>();
    const double squared_error = kernels::sum_of(M, [&](size_t k) {
        const double error = w[k] - step_ * static_cast<float>(integers_[k]);
        return error * error;
    });
    error_ = static_cast<float>(std::sqrt(squared_error));
    offset_ = -step_ * static_cast<float>(integers.sum());
    sum_ = static_cast<float>(kernels::sum_of(M, [&](size_t k) { return w[k]; }));
    build_tables();
}

void QuantizedQuery::build_tables() {
    const std::vector<int>& q = integers_;
    const size_t bytes = code_bytes_;
    int bias = 0;
    std::vector<int> range(bytes); // largest sum of the two entries of a byte
    wide_bytes_ = 0;
    for (size_t j = 0; j < bytes; ++j) {
        for (size_t k = 8 * j; k < 8 * j + 8; ++k) {
            range[j] += std::abs(q[k]);
            bias += std::min(q[k], 0);
        }
        if (range[j] > 255) wide_bytes_ = j + 1;
    }
    offset_ += slope() * static_cast<float>(bias);

    tables_.resize(64 * wide_bytes_ + 32 * (bytes - wide_bytes_));
    uint8_t* table = tables_.data();
    for (size_t j = 0; j < bytes; ++j) {
        int16_t sums[32];
        subset_sums(q.data() + 8 * j, sums);
        subset_sums(q.data() + 8 * j + 4, sums + 16);
        if (j < wide_bytes_) {
            for (size_t v = 0; v < 32; ++v) table[v] = static_cast<uint8_t>(sums[v] & 127);
            for (size_t v = 0; v < 32; ++v) table[32 + v] = static_cast<uint8_t>(sums[v] >> 7);
            table += 64;
        } else {
            for (size_t v = 0; v < 32; ++v) table[v] = static_cast<uint8_t>(sums[v]);
            table += 32;
        }
    }

    // From the end, as many fours of bytes as have sums below 256, then as many pairs.
    size_t rest = bytes;
    const auto take = [&](size_t count) {
        size_t taken = 0;
        for (; rest >= wide_bytes_ + count; rest -= count, ++taken)
            if (std::accumulate(&range[rest - count], range.data() + rest, 0) > 255) break;
        return taken;
    };
    quads_ = take(4);
    pairs_ = take(2);
    single_bytes_ = rest - wide_bytes_;
}

kernels::ScanTables QuantizedQuery::tables() const {
    return {wide_bytes_, single_bytes_, pairs_, quads_, tables_.data()};
}

} // namespace bqq
