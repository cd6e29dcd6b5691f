#pragma once

#include <bqq/quantizer.h>
#include <faiss/Index.h>

#include <cstdint>
#include <memory>
#include <optional>

namespace bqq {

/// Vectors as the index of ours is given them that an index is or wraps.
struct CodedVectors {
    const faiss::Index* index; ///< an IndexBQQ or IndexIVFBQQ
    int64_t n;
    const float* x;                             ///< size n * index->d
    std::unique_ptr<const float[]> transformed; ///< what x points to, where there are transforms

    /// Bits and bytes of a code, with what tells its list.
    size_t bits() const;
    double bytes() const;
    /// @throws faiss::FaissException  for a NaN or infinity, n = 0, or an index without training
    CodingError error() const;
};

/// Passes vectors through the transforms of an index.
/// @return  nothing where it has no codes of ours
/// @param x  size n * index.d, outlives the result
std::optional<CodedVectors> find_coded_vectors(faiss::Index& index, int64_t n, const float* x);

} // namespace bqq
