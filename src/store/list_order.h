#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace bqq {

/** Which list each vector is in, for vectors the ids of which are the order of adding: in each list
 * they have that order. A byte a vector, and at every step_ vectors a count of every list: at most
 * one more byte. A file needs log2(lists) bits a vector.
 */
class ListOrder {
public:
    explicit ListOrder(size_t lists = 1)
            : lists_(lists), step_(std::clamp<size_t>(32 * lists, 256, 2048)) {}

    size_t size() const { return of_.size(); }
    size_t list(size_t i) const { return of_[i]; }

    /// Makes room for n vectors in all: adding them cannot fail then.
    void reserve(size_t n) {
        const auto grow = [](auto& vector, size_t size) {
            if (size > vector.capacity())
                vector.reserve(std::max(size, vector.capacity() + vector.capacity() / 8));
        };
        grow(of_, n);
        grow(counts_, counts_for(n));
    }

    void add(uint8_t list) {
        if (of_.size() % step_ == 0) {
            const size_t last = counts_.size();
            counts_.resize(last + lists_);
            if (last > 0) {
                uint64_t* counts = counts_.data() + last;
                std::copy_n(counts - lists_, lists_, counts);
                for (size_t i = of_.size() - step_; i < of_.size(); ++i) ++counts[of_[i]];
            }
        }
        of_.push_back(list);
    }

    void truncate(size_t n) {
        of_.resize(n);
        counts_.resize(counts_for(n));
    }

    /// How many vectors of the list come before vector i.
    size_t rank(size_t list, size_t i) const {
        const size_t step = i / step_;
        const auto value = static_cast<uint8_t>(list);
        if (step * lists_ == counts_.size()) return i == 0 ? 0 : rank_after(value, i - 1);
        const auto begin = of_.begin() + static_cast<std::ptrdiff_t>(step * step_);
        return counts_[step * lists_ + list] +
               static_cast<size_t>(
                       std::count(begin, of_.begin() + static_cast<std::ptrdiff_t>(i), value));
    }

    /// The vector that is number `position` of the list.
    size_t select(size_t list, size_t position) const {
        // The last step before which there are no more than `position`.
        size_t low = 0;
        size_t high = counts_.size() / lists_;
        while (high - low > 1) {
            const size_t middle = (low + high) / 2;
            (counts_[middle * lists_ + list] <= position ? low : high) = middle;
        }
        size_t left = position - counts_[low * lists_ + list];
        const uint8_t* at = of_.data() + low * step_;
        const uint8_t* end = of_.data() + of_.size();
        for (;; ++at) {
            at = std::find(at, end, static_cast<uint8_t>(list));
            if (left-- == 0) return static_cast<size_t>(at - of_.data());
        }
    }

    size_t memory_bytes() const { return of_.capacity() + counts_.capacity() * sizeof(counts_[0]); }

private:
    size_t lists_;
    size_t step_;
    std::vector<uint8_t> of_;
    std::vector<uint64_t> counts_; ///< of each list before vector step * i, at i * lists

    size_t counts_for(size_t n) const { return (n + step_ - 1) / step_ * lists_; }

    size_t rank_after(uint8_t list, size_t i) const {
        return rank(list, i) + (of_[i] == list ? 1 : 0);
    }
};

} // namespace bqq
