#pragma once

#include "index/faiss_errors.h"
#include "search/query_scan.h"

#include <bqq/index/IndexBQQ.h>

#include <optional>

namespace bqq {

/// @throws faiss::FaissException  for a metric that is neither L2 nor inner product
Metric to_metric(faiss::MetricType metric);
faiss::MetricType to_faiss(Metric metric);

/// @throws faiss::FaissException  for values that cannot be
ScanParameters checked_scan_parameters(int query_bits, float margin);

/// The fields of an index, or what search parameters have in their place.
/// @throws faiss::FaissException  for values that cannot be
template <class Parameters>
ScanParameters scan_parameters(const TwoStages& index, const Parameters* params) {
    if (params == nullptr) return checked_scan_parameters(index.query_bits, index.margin);
    return checked_scan_parameters(
            params->query_bits.value_or(index.query_bits), params->margin.value_or(index.margin));
}

/// @throws faiss::FaissException  for a dimension, M, depth or number of bases that no codec has
Quantizer make_codec(
        idx_t d, size_t M, faiss::MetricType metric, std::optional<int> depth,
        std::optional<size_t> bases, std::optional<Atoms> atoms);

/// @throws faiss::FaissException  when n is negative; `what` is the function
void check_count(idx_t n, const char* what);

/// @throws faiss::FaissException  when n is negative, the index not trained, or a value not finite
void check_vectors(const faiss::Index& index, idx_t n, const float* x, const char* what);

/// @throws faiss::FaissException  for k < 1
void check_k(idx_t k, const char* what);

/// Training parameters that print their progress when the index is verbose.
TrainingParameters with_progress(const TrainingParameters& training, bool verbose);

} // namespace bqq
