#pragma once

#include "search/scan_parameters.h"

#include <bqq/index/IndexBQQ.h>

namespace bqq {

/// @throws faiss::FaissException  for a metric that is neither L2 nor inner product
Metric to_metric(faiss::MetricType metric);

/// @throws faiss::FaissException  for values that ScanParameters cannot have
ScanParameters checked_scan_parameters(int query_bits, float margin);

/// @throws faiss::FaissException  for a dimension, M, depth or number of groups that no quantizer has
GroupedQuantizer make_quantizer(
        idx_t d, size_t M, faiss::MetricType metric, int depth, size_t groups);

/// @throws faiss::FaissException  when n is negative; `what` is the function
void check_count(idx_t n, const char* what);

/// @throws faiss::FaissException  when n is negative, the index not trained, or a value not finite
void check_vectors(const faiss::Index& index, idx_t n, const float* x, const char* what);

/// Training parameters that print their progress when the index is verbose.
TrainingParameters with_progress(const TrainingParameters& training, bool verbose);

} // namespace bqq
