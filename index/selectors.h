#pragma once

#include <bqq/index/IndexBQQ.h>
#include <faiss/impl/IDSelector.h>

#include <algorithm>
#include <cstddef>

namespace bqq {

/** The part of n vectors that a selector allows, estimated from some hundreds of them that are
 * spread evenly: the same for each call. 0 if none of these is allowed.
 * @param id(i)  id of vector i; called for ascending i
 */
template <class Id>
double part_allowed(const faiss::IDSelector& sel, size_t n, const Id& id) {
    constexpr size_t kMost = 256;
    const size_t asked = std::min(n, kMost);
    if (asked == 0) return 1;
    size_t allowed = 0;
    for (size_t s = 0; s < asked; ++s) allowed += sel.is_member(id(s * n / asked)) ? 1 : 0;
    return static_cast<double>(allowed) / static_cast<double>(asked);
}

} // namespace bqq
