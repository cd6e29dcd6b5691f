#include "codec/calibration.h"

#include "base/parallel_for.h"
#include "kernels/dot_rows.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

namespace bqq {

namespace {

constexpr size_t kQueries = 500;
constexpr size_t kQueriesTogether = 64; // the sample is read once for all of them
constexpr size_t kRowsTogether = 1024;  // so that scores stay in the cache
constexpr size_t kNeighbours = 10;
// Below this many vectors the ten nearest say little; the scales then stay uncalibrated.
constexpr size_t kLeastVectors = 1000;
constexpr float kCandidates[] = {0, 0.05f, 0.1f, 0.15f, 0.2f, 0.25f, 0.3f, 0.35f, 0.4f};
constexpr size_t kChoices = std::size(kCandidates);

/// The rows with the kNeighbours smallest scores.
class Neighbours {
public:
    Neighbours() { scores_.fill(std::numeric_limits<float>::infinity()); }

    void add(float score, uint32_t row) {
        if (!(score < scores_.back())) return;
        size_t place = kNeighbours - 1;
        for (; place > 0 && score < scores_[place - 1]; --place) {
            scores_[place] = scores_[place - 1];
            rows_[place] = rows_[place - 1];
        }
        scores_[place] = score;
        rows_[place] = row;
    }
    /// How many of another's rows are here.
    size_t count_common(const Neighbours& other) const {
        return static_cast<size_t>(std::count_if(rows_.begin(), rows_.end(), [&](uint32_t row) {
            return std::find(other.rows_.begin(), other.rows_.end(), row) != other.rows_.end();
        }));
    }

private:
    std::array<float, kNeighbours> scores_;
    std::array<uint32_t, kNeighbours> rows_{};
};

/// Index of the largest sum of three neighbouring counts: the counts are noisy, their curve is
/// flat.
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
    return sample.weighted[r * sample.ld + j] / gain_weight(sample.x2[r]);
}

/// The centre of a row from the mean, in units of the basis; nullptr where it is the mean.
const float* centre_of(const EncodedSample& sample, size_t r) {
    if (sample.list_of.empty()) return nullptr;
    return sample.centres.data() + sample.list_of[r] * sample.basis.d;
}

/// Searches the sample for its first vectors, with the scales that each candidate makes of the
/// codes.
class Trials {
public:
    Trials(const EncodedSample& sample, size_t queries)
            : sample_(sample),
              d_(sample.basis.d),
              lists_(sample.centres.size() / sample.basis.d),
              l2_(sample.metric == Metric::l2),
              dot_weight_(l2_ ? 2.0f : 1.0f) {
        set_row_terms();
        set_queries(queries);
        set_scales();
    }

    using Hits = std::array<size_t, kChoices>;

    /// What each candidate finds of the kNeighbours nearest of queries [first, first + count).
    Hits count_hits(size_t first, size_t count) const {
        const float* q = q_.data() + first * d_;
        const size_t M = sample_.basis.M;
        std::vector<float> centre_dots(count * lists_);
        kernels::dot_rows(
                q, d_, count, sample_.centres.data(), d_, lists_, d_, centre_dots.data(), lists_);
        std::vector<Neighbours> truth(count), found(count * kChoices);
        std::vector<float> dots(count * kRowsTogether), estimates(count * kRowsTogether);
        for (size_t begin = 0; begin < sample_.n; begin += kRowsTogether) {
            const size_t rows = std::min(kRowsTogether, sample_.n - begin);
            kernels::dot_rows(
                    q, d_, count, sample_.weighted + begin * sample_.ld, sample_.ld, rows, d_,
                    dots.data(), rows);
            kernels::dot_rows(
                    w_.data() + first * M, M, count, sample_.signs + begin * sample_.stride,
                    sample_.stride, rows, M, estimates.data(), rows);
            for (size_t i = 0; i < count; ++i)
                for (size_t r = 0; r < rows; ++r) {
                    const size_t row = begin + r;
                    if (row == first + i) continue; // the query itself
                    float centre_score = centre2_[row];
                    if (lists_ > 0)
                        centre_score -=
                                dot_weight_ * centre_dots[i * lists_ + sample_.list_of[row]];
                    const auto id = static_cast<uint32_t>(row);
                    truth[i].add(
                            centre_score + x2_[row] -
                                    dot_weight_ * dots[i * rows + r] * inverse_weights_[row],
                            id);
                    for (size_t c = 0; c < kChoices; ++c) {
                        const StoredScales& scale = scales_[row * kChoices + c];
                        found[i * kChoices + c].add(
                                centre_score + scale.nu -
                                        dot_weight_ * scale.alpha * estimates[i * rows + r],
                                id);
                    }
                }
        }
        Hits hits{};
        for (size_t i = 0; i < count; ++i)
            for (size_t c = 0; c < kChoices; ++c)
                hits[c] += truth[i].count_common(found[i * kChoices + c]);
        return hits;
    }

private:
    const EncodedSample& sample_;
    size_t d_;
    size_t lists_; ///< 0 where all are coded from the mean
    bool l2_;
    float dot_weight_;
    std::vector<float> centre2_;         ///< L2: |centre|^2 of each row
    std::vector<float> x2_;              ///< L2: |centre + x|^2 - |centre|^2
    std::vector<float> inverse_weights_; ///< of each row
    std::vector<float> q_;               ///< queries x d
    std::vector<float> w_;               ///< queries x M: B q
    std::vector<StoredScales> scales_;   ///< n x kChoices

    void set_row_terms() {
        centre2_.resize(sample_.n);
        x2_.resize(sample_.n);
        inverse_weights_.resize(sample_.n);
        parallel_for(sample_.n, [&](size_t r) {
            inverse_weights_[r] = 1 / gain_weight(sample_.x2[r]);
            const float* centre = centre_of(sample_, r);
            double centre2 = 0;
            double cross = 0;
            for (size_t j = 0; j < d_ && centre != nullptr; ++j) {
                const double c = centre[j];
                centre2 += c * c;
                cross += c * static_cast<double>(entry(sample_, r, j));
            }
            if (!l2_) return;
            centre2_[r] = static_cast<float>(centre2);
            x2_[r] = static_cast<float>(sample_.x2[r] + 2 * cross);
        });
    }

    /// Queries as they meet the base: from the mean for L2, as they are for the inner product.
    void set_queries(size_t queries) {
        const Basis& basis = sample_.basis;
        q_.resize(queries * d_);
        w_.resize(queries * basis.M);
        for (size_t i = 0; i < queries; ++i) {
            const float* centre = centre_of(sample_, i);
            for (size_t j = 0; j < d_; ++j)
                q_[i * d_ + j] = entry(sample_, i, j) + (centre != nullptr ? centre[j] : 0.0f) +
                                 (l2_ ? 0.0f : basis.mean[j] / basis.scale);
        }
        basis.project(q_.data(), queries, w_.data());
    }

    void set_scales() {
        scales_.resize(sample_.n * kChoices);
        ScaleCodec codec;
        codec.metric = sample_.metric;
        for (size_t i = 0; i < sample_.n; ++i)
            for (size_t c = 0; c < kChoices; ++c) {
                codec.calibration = kCandidates[c];
                const Fit& fit = sample_.fits[i];
                StoredScales& stored = scales_[i * kChoices + c];
                stored = codec.calibrate(fit);
                if (l2_) stored.nu += 2 * stored.alpha * static_cast<float>(sample_.centre_dots[i]);
            }
    }
};

float choose_calibration(const EncodedSample& sample) {
    if (sample.n < kLeastVectors) return 0;
    const size_t queries = std::min(kQueries, sample.n / 2);
    const Trials trials(sample, queries);
    const size_t groups = (queries + kQueriesTogether - 1) / kQueriesTogether;
    std::vector<Trials::Hits> hits_of(groups);
    parallel_for(groups, [&](size_t g) {
        const size_t first = g * kQueriesTogether;
        hits_of[g] = trials.count_hits(first, std::min(kQueriesTogether, queries - first));
    });
    Trials::Hits hits{};
    for (const Trials::Hits& group : hits_of)
        for (size_t c = 0; c < kChoices; ++c) hits[c] += group[c];
    return kCandidates[smoothed_best(hits)];
}

} // namespace

ScaleCodec choose_scales(const EncodedSample& sample) {
    ScaleCodec codec;
    codec.metric = sample.metric;
    codec.calibration = choose_calibration(sample);
    float alpha_least = std::numeric_limits<float>::max();
    float alpha_most = 0;
    float alpha_per_norm = 0;
    float nu_least = 0;
    float nu_most = 0;
    for (size_t i = 0; i < sample.n; ++i) {
        const Fit& fit = sample.fits[i];
        const StoredScales scales = codec.calibrate(fit);
        const float nu = scales.nu + 2 * scales.alpha * static_cast<float>(sample.centre_dots[i]);
        nu_least = std::min(nu_least, nu);
        nu_most = std::max(nu_most, nu);
        if (scales.alpha <= 0) continue;
        alpha_per_norm =
                std::max(alpha_per_norm, scales.alpha / static_cast<float>(std::sqrt(fit.x2)));
        alpha_least = std::min(alpha_least, scales.alpha);
        alpha_most = std::max(alpha_most, scales.alpha);
    }
    codec.set_ranges(
            alpha_least, alpha_most, -std::sqrt(-nu_least), std::sqrt(nu_most), alpha_per_norm);
    return codec;
}

} // namespace bqq
