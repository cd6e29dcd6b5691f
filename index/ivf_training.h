#pragma once

#include "codec/encoder.h"
#include "index/coarse_search.h"

#include <bqq/index/IndexIVFBQQ.h>

#include <cstddef>
#include <vector>

namespace bqq {

/// What codes the vectors of an inverted file.
struct TrainedLists {
    Quantizer codec;
    std::vector<uint8_t> list_basis;
    float centroid_scale = 1;
};

/** Trains it, given a trained coarse quantizer.
 * @param coarse  finds the lists of vectors
 * @param x       size n * d, n >= M
 */
TrainedLists train_lists(
        const IndexIVFBQQ& index, const CoarseSearch& coarse, size_t n, const float* x);

/// The lists as the codec sees them; refers to the index.
CodingLists coding_lists(const IndexIVFBQQ& index);

} // namespace bqq
