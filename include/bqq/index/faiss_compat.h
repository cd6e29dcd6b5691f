#pragma once

// What differs between the FAISS versions that the library is built and tested with: Debian's 1.7.3
// and the current release, 1.15. All the rest is common to both.

#include <faiss/Index.h>
#include <faiss/IndexIVF.h>

#if FAISS_VERSION_MAJOR > 1 || FAISS_VERSION_MINOR >= 8
/// Text that only a FAISS since 1.8 wants: `override` of what became virtual, parameters that were
/// added.
#define BQQ_SINCE_FAISS_1_8(...) __VA_ARGS__
#else
#define BQQ_SINCE_FAISS_1_8(...)
#endif

namespace bqq {

/// SearchParametersIVF::ensure_topk_full, if this FAISS has it: go on beyond max_codes until k were
/// found.
template <class Parameters>
bool ensure_topk_full(const Parameters* params) {
    if constexpr (requires { params->ensure_topk_full; })
        return params != nullptr && params->ensure_topk_full;
    else
        return false;
}

/// Makes an IndexShards or IndexReplicas own the indexes in it.
template <class Threaded>
void own_parts(Threaded& index) {
    if constexpr (requires { index.own_indices; })
        index.own_indices = true;
    else
        index.own_fields = true;
}

} // namespace bqq
