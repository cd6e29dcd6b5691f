#pragma once

#include <bqq/IndexIVFBQQ.h>

#include <cstddef>

namespace bqq {

/** The nprobe nearest centroids of n queries, as index.quantizer->search() finds them.
 *
 * Where the coarse quantizer is a faiss::IndexFlat of the index's metric, they are found here: products of a few queries
 * with all centroids at a time stay in the cache, and the threshold of the best is known before they are sorted out.
 * @param params  of the coarse quantizer, or nullptr
 * @param keys    output, size n * nprobe; -1 where fewer were found
 * @param distances  output, size n * nprobe
 */
void search_centroids(
        const IndexIVFBQQ& index, idx_t n, const float* x, size_t nprobe,
        const faiss::SearchParameters* params, float* distances, idx_t* keys);

} // namespace bqq
