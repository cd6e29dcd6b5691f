#pragma once

#include <bqq/index/IndexBQQ.h>
#include <faiss/impl/IDSelector.h>

#include <cstddef>
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

} // namespace bqq
