#include "failing_allocator.h"

#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <limits>

namespace {

constexpr size_t kUnlimited = std::numeric_limits<size_t>::max();
std::atomic<size_t> allowed_allocations = kUnlimited;
std::atomic<size_t> allocations = 0;
std::atomic<int64_t> bytes_limit = 0; ///< 0: none, and nothing is counted
std::atomic<int64_t> bytes_held = 0;

void* allocate(size_t size, size_t alignment) {
    if (allowed_allocations != kUnlimited && allocations++ >= allowed_allocations)
        throw std::bad_alloc();
    size = std::max<size_t>(size, 1);
    if (bytes_limit != 0 && (size > static_cast<size_t>(bytes_limit) ||
                             bytes_held + static_cast<int64_t>(size) > bytes_limit))
        throw std::bad_alloc();
    void* memory =
            alignment <= alignof(std::max_align_t)
                    ? std::malloc(size)
                    : std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
    if (memory == nullptr) throw std::bad_alloc();
    if (bytes_limit != 0) bytes_held += static_cast<int64_t>(::malloc_usable_size(memory));
    return memory;
}

void release(void* memory) {
    if (bytes_limit != 0) bytes_held -= static_cast<int64_t>(::malloc_usable_size(memory));
    std::free(memory);
}

} // namespace

namespace bqq::test {

FailingAllocator::FailingAllocator(size_t allowed) {
    allocations = 0;
    allowed_allocations = allowed;
}
FailingAllocator::~FailingAllocator() {
    allowed_allocations = kUnlimited;
}
bool FailingAllocator::has_failed() const {
    return allocations > allowed_allocations;
}

AllocatedBytes::AllocatedBytes(size_t limit) {
    bytes_held = 0;
    bytes_limit = static_cast<int64_t>(limit);
}
AllocatedBytes::~AllocatedBytes() {
    bytes_limit = 0;
}

} // namespace bqq::test

// All forms are replaced: a sanitizer's would not call each other.
#define BQQ_NEW(form)                                                  \
    void* operator form(size_t size) {                                 \
        return allocate(size, 1);                                      \
    }                                                                  \
    void* operator form(size_t size, std::align_val_t alignment) {     \
        return allocate(size, static_cast<size_t>(alignment));         \
    }                                                                  \
    void* operator form(size_t size, const std::nothrow_t&) noexcept { \
        try {                                                          \
            return allocate(size, 1);                                  \
        } catch (const std::bad_alloc&) {                              \
            return nullptr;                                            \
        }                                                              \
    }
BQQ_NEW(new)
BQQ_NEW(new[])
#define BQQ_DELETE(form)                                                  \
    void operator form(void* memory) noexcept {                           \
        release(memory);                                                  \
    }                                                                     \
    void operator form(void* memory, size_t) noexcept {                   \
        release(memory);                                                  \
    }                                                                     \
    void operator form(void* memory, const std::nothrow_t&) noexcept {    \
        release(memory);                                                  \
    }                                                                     \
    void operator form(void* memory, std::align_val_t) noexcept {         \
        release(memory);                                                  \
    }                                                                     \
    void operator form(void* memory, size_t, std::align_val_t) noexcept { \
        release(memory);                                                  \
    }
BQQ_DELETE(delete)
BQQ_DELETE(delete[])
