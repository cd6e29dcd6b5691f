#pragma once

#include <faiss/impl/FaissException.h>

#include <exception>
#include <new>

namespace bqq {

/// Runs f; what it throws leaves as FAISS's exception, the only one that its users catch, or as
/// std::bad_alloc. What it was is nested in it.
template <class F>
auto with_faiss_errors(const F& f) {
    try {
        return f();
    } catch (const faiss::FaissException&) {
        throw;
    } catch (const std::bad_alloc&) {
        throw;
    } catch (const std::exception& error) {
        std::throw_with_nested(faiss::FaissException(error.what()));
    }
}

} // namespace bqq
