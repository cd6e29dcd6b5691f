#pragma once

#include <bqq/progress.h>
#include <faiss/Index.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace bqq {

struct ExactNeighbours {
    std::vector<float> distances; ///< size nq * k: squared L2 or inner products, best first
    std::vector<int64_t> rows;    ///< of x, size nq * k
};

/** The k nearest of the rows of x to each query, on the OpenMP threads. Equal distances are in the
 * order of the rows.
 * @param x         size n * d, n >= k
 * @param queries   size nq * d
 * @param progress  told as "exact search"
 * @throws faiss::FaissException  for distances beyond the range of a float
 */
ExactNeighbours exact_search(
        size_t n, const float* x, size_t d, faiss::MetricType metric, size_t nq,
        const float* queries, size_t k, const Progress& progress = {});

} // namespace bqq
