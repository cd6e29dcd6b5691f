#include "codec/clustering.h"

#include "codec/sampling.h"
#include "nearest/row_set.h"

#include <algorithm>
#include <cstddef>
#include <numeric>

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

/** Takes away clusters of fewer than `least` vectors, the smallest first: its vectors may make
 * others large enough.
 * @return  whether there were any
 */
bool merge_small(
        size_t n, const float* x, size_t d, size_t least, std::span<const size_t> weights,
        std::vector<float>& means) {
    std::vector<uint32_t> nearest(n);
    RowSet(means.data(), means.size() / d, d).find_nearest(n, x, nearest.data());
    std::vector<size_t> sizes = sizes_of(nearest, weights, means.size() / d);
    std::vector<size_t> left(sizes.size()); // clusters that are not taken away
    std::iota(left.begin(), left.end(), size_t{0});
    while (left.size() > 1) {
        const auto smallest = std::min_element(
                left.begin(), left.end(), [&](size_t a, size_t b) { return sizes[a] < sizes[b]; });
        if (sizes[*smallest] >= least) break;
        const size_t gone = *smallest;
        left.erase(smallest);
        std::vector<float> left_means;
        for (const size_t c : left)
            left_means.insert(
                    left_means.end(), means.begin() + static_cast<std::ptrdiff_t>(c * d),
                    means.begin() + static_cast<std::ptrdiff_t>((c + 1) * d));
        std::vector<float> moved;
        std::vector<size_t> rows;
        for (size_t i = 0; i < n; ++i) {
            if (nearest[i] != gone) continue;
            rows.push_back(i);
            moved.insert(moved.end(), x + i * d, x + (i + 1) * d);
        }
        std::vector<uint32_t> to(rows.size());
        RowSet(left_means.data(), left.size(), d)
                .find_nearest(rows.size(), moved.data(), to.data());
        for (size_t i = 0; i < rows.size(); ++i) {
            nearest[rows[i]] = static_cast<uint32_t>(left[to[i]]);
            sizes[left[to[i]]] += weights.empty() ? 1 : weights[rows[i]];
        }
    }
    if (left.size() == sizes.size()) return false;
    for (size_t i = 0; i < left.size(); ++i)
        std::copy_n(means.data() + left[i] * d, d, means.data() + i * d);
    means.resize(left.size() * d);
    return true;
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
    while (merge_small(n, x, d, least, weights, means)) lloyd(1);
    return means;
}

} // namespace bqq
