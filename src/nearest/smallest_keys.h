#pragma once

#include "kernels/aligned.h"
#include "kernels/smallest.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace bqq {

/** Finds the smallest of many keys.
 *
 * A heap would be mispredicted once for each key that enters it. Here the keys are dealt out to a
 * few times k groups: the k-th smallest of the least keys of the groups bounds the k-th smallest
 * key, and few other keys are below it.
 */
class SmallestKeys {
public:
    /** The k smallest keys and a few more, all up to some bound, smallest first: kernels::key_of()
     * and kernels::place_of() of the words. Keys that are not numbers are missing.
     * @param keys  size n
     * @param k     1 to n
     * @param more  the bound is the k-th key and this much, at least
     */
    std::span<const uint64_t> find(const float* keys, size_t n, size_t k, float more = 0) {
        found_.resize(std::max(found_.size(), n));
        const float bound = upper_bound(keys, n, k) + more;
        const size_t size = kernels::keys_up_to(keys, n, bound, found_.data());
        std::sort(found_.begin(), found_.begin() + static_cast<std::ptrdiff_t>(size));
        return {found_.data(), size};
    }

private:
    std::vector<float> least_;
    std::vector<uint64_t> found_;

    float upper_bound(const float* keys, size_t n, size_t k) {
        least_.resize(kernels::padded(4 * k));
        kernels::least_of_groups(keys, n, least_.size(), least_.data());
        const auto last = least_.begin() + static_cast<std::ptrdiff_t>(k - 1);
        std::nth_element(least_.begin(), last, least_.end());
        return *last;
    }
};

} // namespace bqq
