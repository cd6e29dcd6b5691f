#include "search/quantized_query.h"

#include <algorithm>
#include <cmath>

namespace bqq {

namespace {

/// sums[v] = sum over bits b of v of weights[b], in steps of one addition.
template <class T>
void subset_sums(const T* weights, T* sums) {
    sums[0] = 0;
    for (unsigned v = 1; v < 16; ++v) {
        const unsigned low = v & (~v + 1);
        sums[v] = sums[v ^ low] + weights[low == 1 ? 0 : low == 2 ? 1 : low == 4 ? 2 : 3];
    }
}

} // namespace

void QuantizedQuery::assign(std::span<const float> w, int bits) {
    const size_t M = w.size();
    code_bytes_ = (M + 7) / 8;
    float largest = 0;
    double sum = 0;
    for (float weight : w) {
        largest = std::max(largest, std::fabs(weight));
        sum += std::fabs(weight);
    }
    const auto levels = static_cast<float>((1 << (bits - 1)) - 1);
    // Rounding may add half a step an atom to the sum of the integers.
    const auto room = static_cast<float>(kernels::kMaxScore) - 0.5f * static_cast<float>(M);
    step_ = std::max(largest / levels, static_cast<float>(sum) / room);
    const float inverse = step_ > 0 ? 1 / step_ : 0;
    integers_.assign(code_bytes_ * 8, 0);
    double error = 0;
    int total = 0;
    for (size_t k = 0; k < M; ++k) {
        integers_[k] =
                std::isfinite(inverse) ? static_cast<int>(std::nearbyint(w[k] * inverse)) : 0;
        const double rest = static_cast<double>(w[k]) - static_cast<double>(step_) * integers_[k];
        error += rest * rest;
        total += integers_[k];
    }
    error_ = static_cast<float>(std::sqrt(error));
    offset_ = -step_ * static_cast<float>(total);

    float_tables_.resize(code_bytes_ * 32);
    float padded[8] = {};
    for (size_t j = 0; j < code_bytes_; ++j) {
        for (size_t b = 0; b < 8; ++b) padded[b] = 8 * j + b < M ? w[8 * j + b] : 0.0f;
        for (size_t half = 0; half < 2; ++half) {
            float* table = float_tables_.data() + 32 * j + 16 * half;
            subset_sums(padded + 4 * half, table);
            const float all = table[15];
            for (int v = 0; v < 16; ++v) table[v] = 2 * table[v] - all;
        }
    }
    build_tables();
}

void QuantizedQuery::build_tables() {
    std::vector<int>& q = integers_;
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
        const bool wide = j < wide_bytes_;
        for (size_t half = 0; half < 2; ++half) {
            int sums[16];
            const int* weights = q.data() + 8 * j + 4 * half;
            subset_sums(weights, sums);
            const int least = *std::min_element(sums, sums + 16);
            for (size_t v = 0; v < 16; ++v) {
                const int entry = sums[v] - least;
                table[16 * half + v] = static_cast<uint8_t>(wide ? entry & 127 : entry);
                if (wide) table[32 + 16 * half + v] = static_cast<uint8_t>(entry >> 7);
            }
        }
        table += wide ? 64 : 32;
    }

    groups_.clear();
    int sum = 0;
    for (size_t j = wide_bytes_; j < bytes; ++j) {
        if (sum + range[j] > 255) {
            groups_.push_back(static_cast<uint16_t>(j));
            sum = 0;
        }
        sum += range[j];
    }
    if (bytes > wide_bytes_) groups_.push_back(static_cast<uint16_t>(bytes));
}

kernels::ScanTables QuantizedQuery::tables() const {
    return {code_bytes_, wide_bytes_, tables_.data(), groups_};
}

} // namespace bqq
