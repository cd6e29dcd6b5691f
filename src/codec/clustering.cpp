#include "codec/clustering.h"

#include "codec/sampling.h"
#include "nearest/row_set.h"

#include <algorithm>

namespace bqq {

namespace {

constexpr size_t kPointsPerCluster = 1000;
constexpr int kIterations = 15;

/// @param weights  of the vectors; empty for one each
std::vector<size_t> sizes_of(
        const std::vector<uint32_t>& nearest, std::span<const size_t> weights, size_t clusters) {
    std::vector<size_t> sizes(clusters);
    for (size_t i = 0; i < nearest.size(); ++i)
        sizes[nearest[i]] += weights.empty() ? 1 : weights[i];
    return sizes;
}

/// Moves each mean to the middle of its vectors; one without vectors stays.
void move_means(
        const std::vector<float>& x, std::span<const size_t> weights, size_t d,
        const std::vector<uint32_t>& nearest, std::vector<float>& means) {
    const size_t clusters = means.size() / d;
    std::vector<double> sums(means.size());
    for (size_t i = 0; i < nearest.size(); ++i) {
        const double weight = weights.empty() ? 1 : static_cast<double>(weights[i]);
        double* sum = sums.data() + nearest[i] * d;
        for (size_t j = 0; j < d; ++j) sum[j] += weight * static_cast<double>(x[i * d + j]);
    }
    const std::vector<size_t> sizes = sizes_of(nearest, weights, clusters);
    for (size_t c = 0; c < clusters; ++c)
        for (size_t j = 0; j < d && sizes[c] > 0; ++j)
            means[c * d + j] = static_cast<float>(sums[c * d + j] / static_cast<double>(sizes[c]));
}

} // namespace

std::vector<float> cluster_means(
        size_t n, const float* x, size_t d, size_t clusters, size_t least, uint64_t seed,
        std::span<const size_t> weights) {
    const std::vector<size_t> rows = choose_rows(n, clusters * kPointsPerCluster, seed);
    std::vector<float> sample(rows.size() * d);
    for (size_t i = 0; i < rows.size(); ++i) std::copy_n(x + rows[i] * d, d, sample.data() + i * d);
    std::vector<size_t> sample_weights;
    for (size_t i = 0; i < rows.size() && !weights.empty(); ++i)
        sample_weights.push_back(weights[rows[i]]);
    std::vector<float> means(
            sample.begin(),
            sample.begin() + static_cast<std::ptrdiff_t>(std::min(clusters, rows.size()) * d));
    const auto lloyd = [&](int iterations) {
        std::vector<uint32_t> nearest(rows.size());
        for (int i = 0; i < iterations; ++i) {
            RowSet(means.data(), means.size() / d, d)
                    .find_nearest(rows.size(), sample.data(), nearest.data());
            move_means(sample, sample_weights, d, nearest, means);
        }
    };
    lloyd(kIterations);
    // The smallest cluster goes first: its vectors may make others large enough.
    std::vector<uint32_t> nearest(n);
    while (true) {
        const size_t count = means.size() / d;
        RowSet(means.data(), count, d).find_nearest(n, x, nearest.data());
        const std::vector<size_t> sizes = sizes_of(nearest, weights, count);
        const auto smallest = std::min_element(sizes.begin(), sizes.end());
        if (*smallest >= least || count == 1) return means;
        const auto begin =
                means.begin() + (smallest - sizes.begin()) * static_cast<std::ptrdiff_t>(d);
        means.erase(begin, begin + static_cast<std::ptrdiff_t>(d));
        lloyd(1);
    }
}

} // namespace bqq
