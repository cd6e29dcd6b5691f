#pragma once

namespace bqq {

/// How two vectors are compared. Cosine similarity is the inner product of vectors of norm one.
enum class Metric {
    l2,            ///< squared Euclidean distance, smaller is closer
    inner_product, ///< inner product, larger is closer
};

} // namespace bqq
