#pragma once

#include "base/omp_threads.h"

namespace bqq::command {

/// How many threads OpenMP and OpenBLAS use; restored at the end of the scope.
class ThreadScope {
public:
    explicit ThreadScope(int threads);
    ThreadScope(const ThreadScope&) = delete;
    ThreadScope& operator=(const ThreadScope&) = delete;
    ~ThreadScope();

private:
    OmpThreads openmp_;
    int blas_before_;
};

/// As many threads as OpenMP would take.
int default_threads();

} // namespace bqq::command
