#include "failing_allocator.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <limits>

namespace {

constexpr size_t kUnlimited = std::numeric_limits<size_t>::max();
std::atomic<size_t> allowed_allocations = kUnlimited;
std::atomic<size_t> allocations = 0;

void* allocate(size_t size, size_t alignment) {
    if (allowed_allocations != kUnlimited && allocations++ >= allowed_allocations)
        throw std::bad_alloc();
    size = std::max<size_t>(size, 1);
    void* memory =
            alignment <= alignof(std::max_align_t)
                    ? std::malloc(size)
                    : std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
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
        std::free(memory);                                                \
    }                                                                     \
    void operator form(void* memory, size_t) noexcept {                   \
        std::free(memory);                                                \
    }                                                                     \
    void operator form(void* memory, const std::nothrow_t&) noexcept {    \
        std::free(memory);                                                \
    }                                                                     \
    void operator form(void* memory, std::align_val_t) noexcept {         \
        std::free(memory);                                                \
    }                                                                     \
    void operator form(void* memory, size_t, std::align_val_t) noexcept { \
        std::free(memory);                                                \
    }
BQQ_DELETE(delete)
BQQ_DELETE(delete[])
