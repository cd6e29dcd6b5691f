#pragma once

#include <cstddef>
#include <new>

namespace bqq::test {

/** While it lives, the first `allowed` allocations by operator new succeed and all others fail, on
 * all threads. At most one lives at a time. Without one, nothing fails.
 */
class FailingAllocator {
public:
    explicit FailingAllocator(size_t allowed);
    FailingAllocator(const FailingAllocator&) = delete;
    FailingAllocator& operator=(const FailingAllocator&) = delete;
    ~FailingAllocator();

    /// Whether an allocation has failed.
    bool has_failed() const;
};

/** While it lives, operator new fails where more bytes than `limit` would be held that were taken
 * since its beginning, on all threads. At most one lives at a time, and no FailingAllocator.
 */
class AllocatedBytes {
public:
    explicit AllocatedBytes(size_t limit);
    AllocatedBytes(const AllocatedBytes&) = delete;
    AllocatedBytes& operator=(const AllocatedBytes&) = delete;
    ~AllocatedBytes();
};

/** Calls f once for each number of allocations that succeed, in steps, until none fails.
 * @param make_f       () -> f, a call that is prepared where nothing fails
 * @param after_failure(allowed)  called where f threw std::bad_alloc
 * @return how often f failed
 */
template <class MakeF, class AfterFailure>
size_t fail_each_allocation(
        const MakeF& make_f, const AfterFailure& after_failure, size_t step = 1) {
    size_t failures = 0;
    for (size_t allowed = 0;; allowed += step) {
        auto f = make_f();
        bool has_failed = false;
        bool thrown = false;
        {
            const FailingAllocator allocator(allowed);
            try {
                f();
            } catch (const std::bad_alloc&) {
                thrown = true;
            }
            has_failed = allocator.has_failed();
        }
        if (thrown) {
            ++failures;
            after_failure(allowed);
        }
        if (!has_failed) return failures;
    }
}

} // namespace bqq::test
