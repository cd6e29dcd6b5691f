#include "command/threads.h"

#include <dlfcn.h>
#include <omp.h>

namespace bqq::command {

namespace {

/// Debian's libblas.so.3 may be any BLAS, so whether it is OpenBLAS is known at run time only.
template <class Function>
Function* openblas(const char* name) {
    return reinterpret_cast<Function*>(::dlsym(RTLD_DEFAULT, name));
}

int blas_threads() {
    auto* get = openblas<int()>("openblas_get_num_threads");
    return get ? get() : 0;
}

void set_blas_threads(int threads) {
    auto* set = openblas<void(int)>("openblas_set_num_threads");
    if (set && threads > 0) set(threads);
}

} // namespace

ThreadScope::ThreadScope(int threads) : openmp_(threads), blas_before_(blas_threads()) {
    set_blas_threads(threads);
}

ThreadScope::~ThreadScope() {
    set_blas_threads(blas_before_);
}

int default_threads() {
    return omp_get_max_threads();
}

} // namespace bqq::command
