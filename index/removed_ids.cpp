#include "index/removed_ids.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace bqq {

bool RemovedIds::contains(idx_t id) const {
    return std::binary_search(few_.begin(), few_.end(), id) ||
           (many_ != nullptr && std::binary_search(many_->begin(), many_->end(), id));
}

void RemovedIds::add(std::span<const idx_t> ids) {
    std::vector<idx_t> all;
    all.reserve(few_.size() + ids.size());
    for (const idx_t id : ids)
        if (!contains(id)) all.push_back(id);
    all.insert(all.end(), few_.begin(), few_.end());
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
    if (all.size() > kFew) {
        auto many = std::make_shared<std::vector<idx_t>>();
        const std::vector<idx_t> none;
        const std::vector<idx_t>& before = many_ == nullptr ? none : *many_;
        many->reserve(before.size() + all.size());
        std::merge(before.begin(), before.end(), all.begin(), all.end(), std::back_inserter(*many));
        many_ = std::move(many);
        all.clear();
    }
    few_ = std::move(all);
}

} // namespace bqq
