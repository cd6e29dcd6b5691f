#pragma once

#include "baselines/approximation.h"

#include <cstdint>

namespace bqq::bench {

/** Vector quantization: each row becomes one of k centroids (FAISS's k-means, several starts by
 * k-means++). Centroids of less than 32 bits are uniformly quantized, then the rows assigned again.
 *
 * Bytes: k is the largest that fits the budget of `bits` bits an entry, with k d numbers of
 * centroid_bits bits, n labels of ceil(log2 k) bits, and two floats when centroids are quantized.
 *
 * @param centroid_bits  32, or 1 to 8
 */
Approximation row_kmeans(const Matrix<float>& X, int bits, int centroid_bits, uint64_t seed);

} // namespace bqq::bench
