#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace bqq {

/** Which group each vector is in, and which of the group's vectors it is: the order of vectors that are stored by
 * group. A byte a vector, and counts of the groups at every 256th; a file needs log2(groups) bits.
 */
class GroupOrder {
public:
    explicit GroupOrder(size_t groups = 1) : groups_(groups) {}

    size_t size() const { return of_.size(); }
    size_t group(size_t i) const { return of_[i]; }

    void add(uint8_t group) {
        if (of_.size() % kStep == 0) {
            const size_t last = counts_.size();
            counts_.resize(last + groups_);
            if (last > 0) {
                uint32_t* counts = counts_.data() + last;
                std::copy_n(counts - groups_, groups_, counts);
                for (size_t i = of_.size() - kStep; i < of_.size(); ++i) ++counts[of_[i]];
            }
        }
        of_.push_back(group);
    }

    void truncate(size_t n) {
        of_.resize(n);
        counts_.resize((n + kStep - 1) / kStep * groups_);
    }

    /// How many vectors of group g come before vector i.
    size_t rank(size_t g, size_t i) const {
        const size_t step = i / kStep;
        const auto value = static_cast<uint8_t>(g);
        if (step * groups_ == counts_.size()) return rank_behind(value, i);
        const auto begin = of_.begin() + static_cast<std::ptrdiff_t>(step * kStep);
        return counts_[step * groups_ + g] +
               static_cast<size_t>(
                       std::count(begin, of_.begin() + static_cast<std::ptrdiff_t>(i), value));
    }

    /// The vector that is number `place` of group g.
    size_t select(size_t g, size_t place) const {
        // The last step before which there are no more than `place`.
        size_t low = 0;
        size_t high = counts_.size() / groups_;
        while (high - low > 1) {
            const size_t middle = (low + high) / 2;
            (counts_[middle * groups_ + g] <= place ? low : high) = middle;
        }
        size_t left = place - counts_[low * groups_ + g];
        size_t i = low * kStep;
        for (;; ++i)
            if (of_[i] == g && left-- == 0) return i;
    }

private:
    static constexpr size_t kStep = 256;
    size_t groups_;
    std::vector<uint8_t> of_;
    std::vector<uint32_t> counts_; ///< of each group before vector 256 i, at i * groups

    size_t rank_behind(uint8_t group, size_t i) const {
        if (i == 0) return 0;
        return rank(group, i - 1) + (of_[i - 1] == group ? 1 : 0);
    }
};

} // namespace bqq
