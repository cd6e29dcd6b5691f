#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace bqq {

/** Means of clusters, by Lloyd's algorithm on a sample.
 * @param x         vectors, size n * d
 * @param clusters  at most this many: those of fewer than `least` of the n vectors go to their
 * neighbours
 * @param weights   how many vectors each of the n stands for; empty for one each
 * @return          means, size clusters * d; at least one
 */
std::vector<float> cluster_means(
        size_t n, const float* x, size_t d, size_t clusters, size_t least, uint64_t seed,
        std::span<const size_t> weights = {});

} // namespace bqq
