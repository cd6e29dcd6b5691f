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

// The other forms of new and delete call these.
void* operator new(size_t size) {
    return allocate(size, 1);
}
void* operator new(size_t size, std::align_val_t alignment) {
    return allocate(size, static_cast<size_t>(alignment));
}
void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete(void* memory, size_t) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
    std::free(memory);
}
void operator delete(void* memory, size_t, std::align_val_t) noexcept {
    std::free(memory);
}
