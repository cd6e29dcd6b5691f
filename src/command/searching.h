#pragma once

#include "io/matrix.h"
#include "io/neighbour_file.h"

#include <faiss/Index.h>

namespace bqq::command {

/// The k nearest neighbours of all queries. @throws std::runtime_error  when n * k is too large
Neighbours search_index(const faiss::Index& index, const Matrix<float>& queries, size_t k);

/// The k nearest neighbours by exact search; never holds a second copy of `base`.
Neighbours exact_search(
        const Matrix<float>& base, const Matrix<float>& queries, size_t k,
        faiss::MetricType metric);

} // namespace bqq::command
