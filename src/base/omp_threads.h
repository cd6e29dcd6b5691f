#pragma once

#include <omp.h>

namespace bqq {

/// The number of OpenMP's threads, for as long as it lives.
class OmpThreads {
public:
    explicit OmpThreads(int threads) : before_(omp_get_max_threads()) {
        omp_set_num_threads(threads);
    }
    OmpThreads(const OmpThreads&) = delete;
    OmpThreads& operator=(const OmpThreads&) = delete;
    ~OmpThreads() { omp_set_num_threads(before_); }

private:
    int before_;
};

} // namespace bqq
