#pragma once

#include <faiss/impl/FaissException.h>

#include <exception>
#include <stdexcept>
#include <string>

namespace bqq {

/// The message on one line, without the function, source line and condition that FAISS prepends.
std::string error_message(const std::exception& error);

/** Runs f; before the message of an error of FAISS come `what` and a colon.
 * @throws E  instead of FAISS's
 */
template <class E = std::runtime_error, class F>
auto say_where(const std::string& what, const F& f) {
    try {
        return f();
    } catch (const faiss::FaissException& error) {
        std::throw_with_nested(E(what + ": " + error_message(error)));
    }
}

} // namespace bqq
