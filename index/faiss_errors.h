#pragma once

#include <faiss/impl/FaissException.h>

#include <exception>

namespace bqq {

/// Runs f; what it throws leaves as FAISS's exception, the only one its users catch.
template <class F>
auto with_faiss_errors(const F& f) {
    try {
        return f();
    } catch (const faiss::FaissException&) {
        throw;
    } catch (const std::exception& error) {
        throw faiss::FaissException(error.what());
    }
}

} // namespace bqq
