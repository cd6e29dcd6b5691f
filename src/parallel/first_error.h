#pragma once

#include <exception>
#include <mutex>

namespace bqq {

/// Carries the first exception out of a parallel loop, which none may leave by itself.
class FirstError {
public:
    template <class F>
    void guard(const F& f) {
        try {
            f();
        } catch (...) {
            const std::lock_guard lock(mutex_);
            if (!error_) error_ = std::current_exception();
        }
    }
    void rethrow() const {
        if (error_) std::rethrow_exception(error_);
    }

private:
    std::mutex mutex_;
    std::exception_ptr error_;
};

} // namespace bqq
