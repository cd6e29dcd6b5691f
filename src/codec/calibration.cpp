#include "codec/calibration.h"

#include "kernels/dot_rows.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <span>
#include <vector>

namespace bqq {

namespace {

constexpr size_t kQueries = 500;
constexpr size_t kQueriesTogether = 16; // read the sample once for all of them
constexpr size_t kNeighbours = 10;
// Below this many vectors the ten nearest say little; the scales then stay uncalibrated.
constexpr size_t kLeastVectors = 1000;
constexpr float kCandidates[] = {0, 0.05f, 0.1f, 0.15f, 0.2f, 0.25f, 0.3f, 0.35f, 0.4f};

/// Which rows have the kNeighbours smallest scores, sorted by row; row `self` is left out.
std::vector<uint32_t> nearest(const std::vector<float>& scores, size_t self) {
    std::vector<uint32_t> rows(scores.size());
    std::iota(rows.begin(), rows.end(), 0u);
    rows.erase(rows.begin() + static_cast<std::ptrdiff_t>(self));
    std::nth_element(
            rows.begin(), rows.begin() + kNeighbours, rows.end(),
            [&](uint32_t a, uint32_t b) { return scores[a] < scores[b]; });
    rows.resize(kNeighbours);
    std::sort(rows.begin(), rows.end());
    return rows;
}

/// Index of the largest sum of three neighbouring counts: the counts are noisy, their curve is flat.
size_t smoothed_best(std::span<const size_t> hits) {
    size_t best = 0;
    size_t most = 0;
    for (size_t c = 0; c < hits.size(); ++c) {
        const size_t before = hits[c == 0 ? c : c - 1];
        const size_t after = hits[c + 1 == hits.size() ? c : c + 1];
        const size_t sum = before + 2 * hits[c] + after;
        if (sum > most) {
            most = sum;
            best = c;
        }
    }
    return best;
}

float choose_calibration(const EncodedSample& sample) {
    const size_t n = sample.n;
    const size_t d = sample.basis.d;
    const size_t M = sample.basis.M;
    if (n < kLeastVectors) return 0;
    const size_t queries = std::min(kQueries, n / 2);
    const bool l2 = sample.metric == Metric::l2;
    const float dot_weight = l2 ? 2.0f : 1.0f;

    // Queries as they meet the base: centred for L2, as they are for the inner product.
    std::vector<float> q(queries * d);
    for (size_t i = 0; i < queries; ++i)
        for (size_t j = 0; j < d; ++j)
            q[i * d + j] = sample.weighted[i * d + j] / gain_weight(sample.x2[i]) +
                           (l2 ? 0.0f : sample.basis.mean[j] / sample.basis.scale);
    std::vector<float> w(queries * sample.stride);
    kernels::dot_rows_parallel(
            q.data(), d, queries, sample.basis.B.data(), d, M, d, w.data(), sample.stride);

    constexpr size_t kChoices = std::size(kCandidates);
    std::vector<StoredScales> scales(kChoices * n);
    for (size_t c = 0; c < kChoices; ++c) {
        ScaleCodec codec;
        codec.metric = sample.metric;
        codec.calibration = kCandidates[c];
        for (size_t i = 0; i < n; ++i) {
            const Fit& fit = sample.fits[i];
            scales[c * n + i] = codec.calibrate(fit.dot, fit.xhat2, fit.x2);
        }
    }

    size_t hits[kChoices] = {};
#pragma omp parallel for schedule(dynamic) reduction(+ : hits[:kChoices])
    for (int64_t group = 0; group < static_cast<int64_t>(queries); group += kQueriesTogether) {
        const auto first = static_cast<size_t>(group);
        const size_t count = std::min(kQueriesTogether, queries - first);
        std::vector<float> dots(count * n), estimates(count * n), scores(n);
        kernels::dot_rows(q.data() + first * d, d, count, sample.weighted, d, n, d, dots.data(), n);
        kernels::dot_rows(
                w.data() + first * sample.stride, sample.stride, count, sample.signs, sample.stride,
                n, M, estimates.data(), n);
        for (size_t i = 0; i < count; ++i) {
            for (size_t r = 0; r < n; ++r)
                scores[r] = (l2 ? static_cast<float>(sample.x2[r]) : 0.0f) -
                            dot_weight * dots[i * n + r] / gain_weight(sample.x2[r]);
            const std::vector<uint32_t> truth = nearest(scores, first + i);
            for (size_t c = 0; c < kChoices; ++c) {
                for (size_t r = 0; r < n; ++r) {
                    const StoredScales& scale = scales[c * n + r];
                    scores[r] = scale.nu - dot_weight * scale.alpha * estimates[i * n + r];
                }
                for (uint32_t row : nearest(scores, first + i))
                    hits[c] += std::binary_search(truth.begin(), truth.end(), row) ? 1 : 0;
            }
        }
    }
    return kCandidates[smoothed_best(hits)];
}

} // namespace

ScaleCodec choose_scales(const EncodedSample& sample) {
    // Room beyond the sample's range, in parts of it, for vectors that are coded better or worse.
    constexpr float kGainRoom = 0.1f;
    constexpr float kNormRoom = 4;
    ScaleCodec codec;
    codec.metric = sample.metric;
    codec.calibration = choose_calibration(sample);
    float gain_min = std::numeric_limits<float>::max();
    float gain_max = 0;
    float norm_max = 0;
    for (const Fit& fit : sample.fits) {
        const StoredScales scales = codec.calibrate(fit.dot, fit.xhat2, fit.x2);
        if (scales.alpha <= 0) continue;
        const float norm = std::sqrt(scales.nu);
        const float gain = codec.metric == Metric::l2 ? scales.alpha / norm : scales.alpha;
        gain_min = std::min(gain_min, gain);
        gain_max = std::max(gain_max, gain);
        norm_max = std::max(norm_max, norm);
    }
    if (gain_max <= 0) return codec;
    codec.gain_min = std::max(0.0f, gain_min - kGainRoom * (gain_max - gain_min));
    codec.gain_step = std::max(
                              gain_max + kGainRoom * (gain_max - gain_min) - codec.gain_min,
                              1e-3f * gain_max) /
                      255;
    codec.norm_step = kNormRoom * norm_max / 65535;
    return codec;
}

} // namespace bqq
