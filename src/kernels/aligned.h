#pragma once

#include <cstddef>
#include <new>
#include <vector>

namespace bqq::kernels {

/// Rows of floats that the kernels read are padded with zeros to a multiple of this many.
inline constexpr size_t kPad = 16;

inline size_t padded(size_t n) {
    return (n + kPad - 1) / kPad * kPad;
}

/// Starts arrays on a cache line: a 64-byte vector that crosses lines loads at half the speed.
template <class T>
struct CacheLineAllocator {
    using value_type = T;
    static constexpr std::align_val_t kAlignment{64};

    CacheLineAllocator() = default;
    template <class U>
    CacheLineAllocator(const CacheLineAllocator<U>&) {}

    T* allocate(size_t n) { return static_cast<T*>(::operator new(n * sizeof(T), kAlignment)); }
    void deallocate(T* values, size_t) { ::operator delete(values, kAlignment); }
    bool operator==(const CacheLineAllocator&) const { return true; }
};

template <class T>
using AlignedVector = std::vector<T, CacheLineAllocator<T>>;

} // namespace bqq::kernels
