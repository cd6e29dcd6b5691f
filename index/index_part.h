#pragma once

#include "index/removed_ids.h"

#include <bqq/index/IndexBQQ.h>
#include <bqq/index/IndexIVFBQQ.h>

#include <functional>
#include <memory>

namespace bqq {

/// Vectors of a ConcurrentIndex that do not change.
class IndexPart {
public:
    virtual ~IndexPart() = default;

    /// With the trained form and the settings of this one, and no vectors.
    virtual std::unique_ptr<IndexPart> empty_copy() const = 0;
    // For a part that nobody searches yet.
    virtual void add(idx_t n, const float* x, const idx_t* ids) = 0;
    /// Appends what is left of another one.
    virtual void append(const IndexPart& other, const RemovedIds& removed) = 0;

    virtual size_t size() const = 0;
    virtual void for_each_id(const std::function<void(idx_t)>& visit) const = 0;
    virtual void search(
            idx_t n, const float* x, idx_t k, float* distances, idx_t* labels,
            const RemovedIds& removed, const faiss::SearchParameters* params) const = 0;
    virtual faiss::MetricType metric() const = 0;
    virtual std::unique_ptr<faiss::Index> to_index() const = 0;
};

/// Takes over an index. @throws faiss::FaissException  see ConcurrentIndex
std::unique_ptr<IndexPart> to_part(std::unique_ptr<faiss::Index> index);

} // namespace bqq
