#pragma once

#include <exception>
#include <string>

namespace bqq::command {

/// The message on one line, without the function, source line and condition that FAISS prepends.
std::string error_message(const std::exception& error);

} // namespace bqq::command
