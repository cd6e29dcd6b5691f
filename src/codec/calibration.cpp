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
constexpr size_t kQueriesTogether = 24; // read the sample once for all of them
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

/// Row r of the sample from its centre, in units of the basis: entry j.
float entry(const EncodedSample& sample, size_t r, size_t j) {
    return sample.weighted[r * sample.basis.d + j] / gain_weight(sample.x2[r]);
}

/// Entry j of a row's centre from the mean, in units of the basis; all are 0 where there are no centres.
float centre_entry(const EncodedSample& sample, size_t r, size_t j) {
    if (sample.centres.empty()) return 0;
    return (sample.centres[r * sample.basis.d + j] - sample.basis.mean[j]) / sample.basis.scale;
}

/// What scores of the rows have in common whatever the codes: L2 only.
struct RowTerms {
    std::vector<float> centre2; ///< |centre|^2
    std::vector<float> x2;      ///< |centre + x|^2 - |centre|^2
};

RowTerms row_terms(const EncodedSample& sample) {
    RowTerms terms{std::vector<float>(sample.n), std::vector<float>(sample.n)};
    if (sample.metric != Metric::l2) return terms;
#pragma omp parallel for
    for (int64_t row = 0; row < static_cast<int64_t>(sample.n); ++row) {
        const auto r = static_cast<size_t>(row);
        double centre2 = 0;
        double cross = 0;
        for (size_t j = 0; j < sample.basis.d && !sample.centres.empty(); ++j) {
            const double c = centre_entry(sample, r, j);
            centre2 += c * c;
            cross += c * static_cast<double>(entry(sample, r, j));
        }
        terms.centre2[r] = static_cast<float>(centre2);
        terms.x2[r] = static_cast<float>(sample.x2[r] + 2 * cross);
    }
    return terms;
}

/// Searches the sample for its first vectors, with the scales that each candidate makes of the codes.
class Trials {
public:
    static constexpr size_t kChoices = std::size(kCandidates);

    Trials(const EncodedSample& sample, size_t queries)
            : sample_(sample),
              l2_(sample.metric == Metric::l2),
              dot_weight_(l2_ ? 2.0f : 1.0f),
              terms_(row_terms(sample)),
              rows_(sample.weighted, sample.basis.d, sample.n, sample.basis.d),
              signs_(sample.signs, sample.stride, sample.n, sample.basis.M) {
        if (!sample.centres.empty())
            centres_ = {sample.centres.data(), sample.basis.d, sample.n, sample.basis.d};
        set_queries(queries);
        set_scales();
    }

    /// Adds what each candidate finds of the kNeighbours nearest of queries [first, first + count).
    void count_hits(size_t first, size_t count, size_t* hits) const {
        const size_t n = sample_.n;
        const float* q = q_.data() + first * sample_.basis.d;
        std::vector<float> dots(count * n), estimates(count * n), scores(n), centre_scores(n);
        std::vector<float> centre_dots(centres_.size() * count);
        kernels::dot_rows(q, sample_.basis.d, count, rows_, dots.data(), n);
        kernels::dot_rows(
                w_.data() + first * sample_.basis.M, sample_.basis.M, count, signs_,
                estimates.data(), n);
        kernels::dot_rows(q, sample_.basis.d, count, centres_, centre_dots.data(), n);
        for (size_t i = 0; i < count; ++i) {
            for (size_t r = 0; r < n && !centre_dots.empty(); ++r)
                centre_scores[r] = terms_.centre2[r] -
                                   dot_weight_ * (centre_dots[i * n + r] - mean_dots_[first + i]) /
                                           sample_.basis.scale;
            for (size_t r = 0; r < n; ++r)
                scores[r] = centre_scores[r] + terms_.x2[r] -
                            dot_weight_ * dots[i * n + r] / gain_weight(sample_.x2[r]);
            const std::vector<uint32_t> truth = nearest(scores, first + i);
            for (size_t c = 0; c < kChoices; ++c) {
                for (size_t r = 0; r < n; ++r) {
                    const StoredScales& scale = scales_[c * n + r];
                    scores[r] = centre_scores[r] + scale.nu -
                                dot_weight_ * scale.alpha * estimates[i * n + r];
                }
                for (uint32_t row : nearest(scores, first + i))
                    hits[c] += std::binary_search(truth.begin(), truth.end(), row) ? 1 : 0;
            }
        }
    }

private:
    const EncodedSample& sample_;
    bool l2_;
    float dot_weight_;
    RowTerms terms_;
    kernels::PackedRows rows_, signs_, centres_;
    std::vector<float> q_;             ///< queries x d
    std::vector<float> w_;             ///< queries x M: B q
    std::vector<float> mean_dots_;     ///< queries: <q, mean>
    std::vector<StoredScales> scales_; ///< kChoices x n

    /// Queries as they meet the base: from the mean for L2, as they are for the inner product.
    void set_queries(size_t queries) {
        const Basis& basis = sample_.basis;
        const size_t d = basis.d;
        q_.resize(queries * d);
        w_.resize(queries * basis.M);
        mean_dots_.resize(queries);
        for (size_t i = 0; i < queries; ++i) {
            float* q = q_.data() + i * d;
            for (size_t j = 0; j < d; ++j)
                q[j] = entry(sample_, i, j) + centre_entry(sample_, i, j) +
                       (l2_ ? 0.0f : basis.mean[j] / basis.scale);
            mean_dots_[i] = std::inner_product(q, q + d, basis.mean.data(), 0.0f);
        }
        kernels::dot_rows_parallel(
                q_.data(), d, queries, basis.B.data(), d, basis.M, d, w_.data(), basis.M);
    }

    void set_scales() {
        const size_t n = sample_.n;
        scales_.resize(kChoices * n);
        for (size_t c = 0; c < kChoices; ++c) {
            ScaleCodec codec;
            codec.metric = sample_.metric;
            codec.calibration = kCandidates[c];
            for (size_t i = 0; i < n; ++i) {
                const Fit& fit = sample_.fits[i];
                StoredScales& stored = scales_[c * n + i];
                stored = codec.calibrate(fit.dot, fit.xhat2, fit.x2);
                if (l2_) stored.nu += 2 * stored.alpha * static_cast<float>(sample_.centre_dots[i]);
            }
        }
    }
};

float choose_calibration(const EncodedSample& sample) {
    if (sample.n < kLeastVectors) return 0;
    const size_t queries = std::min(kQueries, sample.n / 2);
    const Trials trials(sample, queries);
    size_t hits[Trials::kChoices] = {};
#pragma omp parallel for schedule(dynamic) reduction(+ : hits[:Trials::kChoices])
    for (int64_t group = 0; group < static_cast<int64_t>(queries); group += kQueriesTogether) {
        const auto first = static_cast<size_t>(group);
        trials.count_hits(first, std::min(kQueriesTogether, queries - first), hits);
    }
    return kCandidates[smoothed_best(hits)];
}

} // namespace

ScaleCodec choose_scales(const EncodedSample& sample) {
    ScaleCodec codec;
    codec.metric = sample.metric;
    codec.calibration = choose_calibration(sample);
    float alpha_least = std::numeric_limits<float>::max();
    float alpha_most = 0;
    float nu_least = 0;
    float nu_most = 0;
    for (size_t i = 0; i < sample.n; ++i) {
        const Fit& fit = sample.fits[i];
        const StoredScales scales = codec.calibrate(fit.dot, fit.xhat2, fit.x2);
        const float nu = scales.nu + 2 * scales.alpha * static_cast<float>(sample.centre_dots[i]);
        nu_least = std::min(nu_least, nu);
        nu_most = std::max(nu_most, nu);
        if (scales.alpha <= 0) continue;
        alpha_least = std::min(alpha_least, scales.alpha);
        alpha_most = std::max(alpha_most, scales.alpha);
    }
    codec.set_ranges(alpha_least, alpha_most, -std::sqrt(-nu_least), std::sqrt(nu_most));
    return codec;
}

} // namespace bqq
