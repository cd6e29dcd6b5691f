#pragma once

#include "store/code_blocks.h"
#include "store/group_order.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace bqq {

/** Codes of a GroupedQuantizer, stored by group.
 *
 * Rows of codes are as the quantizer makes them: where there may be several groups, the first byte is the group's.
 */
class GroupedCodes {
public:
    /// @param code_size    bytes of a row
    /// @param group_bytes  0 or 1
    GroupedCodes(size_t groups, size_t code_size, size_t group_bytes)
            : group_bytes_(group_bytes),
              blocks_(groups, CodeBlocks(code_size - group_bytes)),
              order_(groups) {}

    size_t size() const { return group_bytes_ == 0 ? blocks_.front().size() : order_.size(); }
    size_t code_size() const { return group_bytes_ + blocks_.front().code_size(); }
    size_t groups() const { return blocks_.size(); }
    const CodeBlocks& blocks(size_t g) const { return blocks_[g]; }

    /// A code's group and its place among the codes of the group.
    struct Place {
        size_t group;
        size_t position;
    };
    Place place(size_t i) const {
        if (group_bytes_ == 0) return {0, i};
        const size_t g = order_.group(i);
        return {g, order_.rank(g, i)};
    }
    /// Which code that is.
    size_t index(Place place) const {
        return group_bytes_ == 0 ? place.position : order_.select(place.group, place.position);
    }

    /// Appends n codes, rows. @throws std::invalid_argument  for a group that there is not; nothing is then added
    void add(size_t n, const uint8_t* codes);
    /// Makes room for n codes in all, where there is one group.
    void reserve(size_t n);
    /// Drops the codes from n on.
    void truncate(size_t n);
    void clear() { truncate(0); }
    /// Writes code i as a row.
    void get(size_t i, uint8_t* code) const;
    /// Keeps the codes i for which keep(i), in their order. Returns how many went.
    template <class Keep>
    size_t filter(const Keep& keep) {
        std::vector<uint8_t> code(code_size());
        std::vector<size_t> read(groups()), kept(groups());
        GroupOrder order(groups());
        for (size_t i = 0; i < size(); ++i) {
            const size_t g = group_bytes_ == 0 ? 0 : order_.group(i);
            const size_t from = read[g]++;
            if (!keep(i)) continue;
            if (kept[g] != from) {
                blocks_[g].get(from, code.data());
                blocks_[g].set(kept[g], code.data());
            }
            ++kept[g];
            if (group_bytes_ > 0) order.add(static_cast<uint8_t>(g));
        }
        const size_t before = size();
        for (size_t g = 0; g < groups(); ++g) blocks_[g].truncate(kept[g]);
        order_ = std::move(order);
        return before - size();
    }

private:
    size_t group_bytes_;
    std::vector<CodeBlocks> blocks_; ///< of each group, without the group's byte
    GroupOrder order_;               ///< empty where group_bytes_ is 0
};

} // namespace bqq
