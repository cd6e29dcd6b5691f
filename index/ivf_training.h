#pragma once

#include <bqq/index/IndexIVFBQQ.h>

#include <cstddef>
#include <vector>

namespace bqq {

/// Centres from which the vectors of some lists are coded, size n * d; 0 where list_nos is negative.
std::vector<float> centres_of(const IndexIVFBQQ& index, idx_t n, const idx_t* list_nos);

/** Trains what codes vectors, given a trained coarse quantizer: centroid_scale, list_groups and bqq.
 * @param coarse  finds the lists of vectors
 * @param x       size n * d, n >= M
 */
void train_codes(IndexIVFBQQ& index, const CoarseSearch& coarse, size_t n, const float* x);

} // namespace bqq
