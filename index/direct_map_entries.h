#pragma once

#include <bqq/index/IndexBQQ.h>
#include <faiss/invlists/DirectMap.h>

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

namespace bqq {

/// New entries of a direct map, taken back unless they are kept.
class DirectMapEntries {
public:
    DirectMapEntries(faiss::DirectMap& map, size_t n) : map_(map), array_size_(map.array.size()) {
        if (map_.type != faiss::DirectMap::Hashtable) return;
        before_.reserve(n);
        map_.hashtable.reserve(map_.hashtable.size() + n);
    }
    DirectMapEntries(const DirectMapEntries&) = delete;
    ~DirectMapEntries() {
        if (kept_) return;
        map_.array.resize(array_size_);
        for (size_t i = before_.size(); i-- > 0;) {
            const auto& [id, entry] = before_[i];
            if (entry)
                map_.hashtable[id] = *entry;
            else
                map_.hashtable.erase(id);
        }
    }

    void add(idx_t id, idx_t entry) {
        if (map_.type == faiss::DirectMap::Array) map_.array.push_back(entry);
        if (map_.type != faiss::DirectMap::Hashtable || entry < 0) return;
        const auto [at, is_new] = map_.hashtable.try_emplace(id, entry);
        before_.emplace_back(id, is_new ? std::nullopt : std::optional(at->second));
        at->second = entry;
    }
    void keep() { kept_ = true; }

private:
    faiss::DirectMap& map_;
    size_t array_size_;
    std::vector<std::pair<idx_t, std::optional<idx_t>>> before_;
    bool kept_ = false;
};

} // namespace bqq
