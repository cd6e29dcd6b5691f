#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace bqq {

/// The k best of what it is given: smallest key, then smallest label, in whatever order they come.
class Nearest {
public:
    /// @param k         at least 1
    /// @param expected  how many will be given at most
    explicit Nearest(size_t k, size_t expected = 0) : k_(k) {
        heap_.reserve(std::min(k, expected));
    }

    float threshold() const {
        return heap_.size() < k_ ? std::numeric_limits<float>::infinity() : heap_.front().first;
    }
    void add(int64_t label, float key) {
        if (heap_.size() == k_) {
            if (std::pair(key, label) >= heap_.front()) return;
            std::pop_heap(heap_.begin(), heap_.end());
            heap_.pop_back();
        }
        heap_.emplace_back(key, label);
        std::push_heap(heap_.begin(), heap_.end());
    }
    size_t size() const { return heap_.size(); }
    /** Distances and labels, best first, and -1 where there are no more; ends the adding.
     * @param keys_are_distances  else they are inner products with their sign changed
     * @param distances           output, size k
     * @param labels              output, size k
     */
    void write(bool keys_are_distances, float* distances, int64_t* labels) {
        for (const auto& [key, label] : sorted()) {
            *distances++ = keys_are_distances ? key : -key;
            *labels++ = label;
        }
        const float infinity = std::numeric_limits<float>::infinity();
        const size_t missing = k_ - size();
        std::fill_n(distances, missing, keys_are_distances ? infinity : -infinity);
        std::fill_n(labels, missing, -1);
    }
    /// (key, label), best first; ends the adding
    const std::vector<std::pair<float, int64_t>>& sorted() {
        std::sort_heap(heap_.begin(), heap_.end());
        return heap_;
    }

private:
    size_t k_;
    std::vector<std::pair<float, int64_t>> heap_;
};

} // namespace bqq
