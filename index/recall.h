#pragma once

#include <faiss/Index.h>

#include <cstddef>
#include <cstdint>

namespace bqq {

struct Recall {
    double first = 0; ///< share of the queries whose first neighbour is the true first
    double all = 0;   ///< share of the true k nearest among the k returned
};

/// Queries and what is known of them.
struct SearchTruth {
    faiss::MetricType metric;
    size_t d;
    const float* base; ///< size n * d
    size_t queries;    ///< how many
    const float* x;    ///< the queries, size queries * d
    size_t k;
    const int64_t* nearest; ///< rows of the base, the nearest first, size queries * k
};

/** Ties count as found: a vector that is as near as the k-th nearest is right.
 * @param found  rows of the base, -1 for none, size queries * k
 */
Recall measure_recall(const int64_t* found, const SearchTruth& truth);

} // namespace bqq
