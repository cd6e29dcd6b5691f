#pragma once

#include <malloc.h>

#include <cstddef>

namespace bqq {

/// Bytes that malloc() has handed out and not got back, in all threads. Glibc's own count: other
/// allocators and sanitizers answer 0.
inline size_t heap_bytes() {
    const struct mallinfo2 info = ::mallinfo2();
    return info.uordblks + info.hblkhd;
}

} // namespace bqq
