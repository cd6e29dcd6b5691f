#pragma once

#include <bqq/index/diagnose.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace bqq {

/// Rows of a matrix, copied in random order.
class VectorSample {
public:
    /// @param x  size n * d
    VectorSample(const float* x, size_t n, size_t d, size_t most, uint64_t seed);

    size_t size() const { return rows_.size(); }
    const float* data() const { return values_.data(); }
    const std::vector<size_t>& rows() const { return rows_; } ///< of x

private:
    std::vector<size_t> rows_;
    std::vector<float> values_;
};

/// @param x  size n * d, finite, n >= 1000
VectorsDiagnosis diagnose_vectors(
        faiss::MetricType metric, size_t n, const float* x, size_t d,
        const DiagnoseParameters& parameters);

/// @param x        size n * d
/// @param queries  size nq * d, nq > 0
QueriesDiagnosis diagnose_queries(
        size_t n, const float* x, size_t d, size_t nq, const float* queries,
        const DiagnoseParameters& parameters);

} // namespace bqq
