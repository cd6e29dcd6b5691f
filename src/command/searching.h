#pragma once

#include "io/matrix.h"
#include "io/neighbour_file.h"

#include <faiss/Index.h>

#include <cstdint>
#include <vector>

namespace bqq::command {

/// The k nearest neighbours of all queries. @throws std::runtime_error  when n * k is too large
Neighbours search_index(const faiss::Index& index, const Matrix<float>& queries, size_t k);

/// All neighbours within a radius, as FAISS has it: below it for L2, which is squared, above it for
/// inner products. The nearest of a query come first.
Neighbours range_search_index(
        const faiss::Index& index, const Matrix<float>& queries, float radius);

/// Rows of the k nearest neighbours of all queries by exact search, size queries.n * k.
std::vector<int64_t> exact_search(
        const Matrix<float>& base, const Matrix<float>& queries, size_t k,
        faiss::MetricType metric);

} // namespace bqq::command
