#pragma once

#include <bqq/index/IndexBQQ.h>
#include <bqq/index/IndexIVFBQQ.h>
#include <faiss/impl/IDSelector.h>

#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace bqq {

/// Ids that were removed from a part. Copies are cheap: they share all but the newest ids.
class RemovedIds {
public:
    bool contains(idx_t id) const;
    bool empty() const { return few_.empty() && (many_ == nullptr || many_->empty()); }
    size_t size() const { return few_.size() + (many_ == nullptr ? 0 : many_->size()); }
    void add(std::span<const idx_t> ids);

private:
    static constexpr size_t kFew = 1024;
    std::vector<idx_t> few_;                         ///< sorted
    std::shared_ptr<const std::vector<idx_t>> many_; ///< sorted, none of them in few_
};

/// A selector of what is left of a part.
class LeftOf : public faiss::IDSelector {
public:
    /// @param sel  of the caller, or nullptr
    LeftOf(const RemovedIds& removed, const faiss::IDSelector* sel)
            : removed_(removed), sel_(sel) {}
    bool is_member(idx_t id) const override {
        return !removed_.contains(id) && (sel_ == nullptr || sel_->is_member(id));
    }

private:
    const RemovedIds& removed_;
    const faiss::IDSelector* sel_;
};

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
