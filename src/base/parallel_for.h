#pragma once

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <optional>

namespace bqq {

/// Carries the first exception out of a parallel region, which none may leave by itself.
class FirstError {
public:
    template <class F>
    void guard(const F& f) {
        try {
            f();
        } catch (...) {
            const std::lock_guard lock(mutex_);
            if (!error_) error_ = std::current_exception();
            happened_.store(true, std::memory_order_relaxed);
        }
    }
    bool happened() const { return happened_.load(std::memory_order_relaxed); }
    void rethrow() const {
        if (error_) std::rethrow_exception(error_);
    }

private:
    std::mutex mutex_;
    std::atomic<bool> happened_{false};
    std::exception_ptr error_;
};

/** Calls body(state, i) for i = 0 .. n - 1 on the OpenMP threads, each with a state of its own.
 *
 * The library has no other parallel loop. Inside a parallel region, and for n = 1, it runs on the
 * calling thread.
 *
 * @param make_state  () -> state of one thread, such as its buffers
 * @throws the first exception of make_state or body; no further i is begun after it
 */
template <class MakeState, class Body>
void parallel_for_with(size_t n, const MakeState& make_state, const Body& body) {
    using State = decltype(make_state());
    FirstError error;
    // A thread without work would spin while the others work.
    const auto threads =
            static_cast<int>(std::min<size_t>(n, static_cast<size_t>(omp_get_max_threads())));
#pragma omp parallel if (n > 1 && omp_in_parallel() == 0) num_threads(std::max(threads, 1))
    {
        std::optional<State> state;
        error.guard([&] { state.emplace(make_state()); });
#pragma omp for schedule(dynamic)
        for (int64_t i = 0; i < static_cast<int64_t>(n); ++i)
            if (!error.happened()) error.guard([&] { body(*state, static_cast<size_t>(i)); });
    }
    error.rethrow();
}

/// The same without a state: body(i).
template <class Body>
void parallel_for(size_t n, const Body& body) {
    struct None {};
    parallel_for_with(
            n, [] { return None(); }, [&](None, size_t i) { body(i); });
}

/** Calls body(state, begin, end) for ranges of at most `most` of n rows; see parallel_for_with().
 * Where `most` does not divide n, the last range is shorter.
 */
template <class MakeState, class Body>
void parallel_ranges_with(size_t n, size_t most, const MakeState& make_state, const Body& body) {
    parallel_for_with((n + most - 1) / most, make_state, [&](auto& state, size_t i) {
        body(state, i * most, i * most + most < n ? i * most + most : n);
    });
}

} // namespace bqq
