#pragma once

#include "index/recall.h"

#include <bqq/index/diagnose.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace bqq {

/// Queries with their true neighbours. Without queries rows of the base are asked for, and are not
/// counted among their own neighbours.
struct Questions {
    std::vector<float> x;
    std::vector<size_t> own;      ///< row of each, empty for queries
    std::vector<int64_t> nearest; ///< rows of the base, size * k

    size_t size() const { return k == 0 ? 0 : nearest.size() / k; }
    size_t k = 0;
};

/** Finds what is true by exact search.
 * @param queries  size nq * d; empty for `most` rows of the base
 */
Questions ask(
        faiss::MetricType metric, size_t n, const float* base, size_t d, size_t nq,
        const float* queries, size_t most, const DiagnoseParameters& parameters);

/// Codes of a sample, of twice as many bits each.
std::vector<CodingDiagnosis> diagnose_coding(
        faiss::MetricType metric, size_t n, const float* base, size_t d, size_t nq,
        const float* queries, const VectorsDiagnosis& vectors,
        const DiagnoseParameters& parameters);

/// @param coding  what diagnose_coding() gave
IndexDiagnosis diagnose_index(
        faiss::Index& index, const float* base, const Questions& questions,
        const VectorsDiagnosis& vectors, const std::vector<CodingDiagnosis>& coding,
        const DiagnoseParameters& parameters);

} // namespace bqq
