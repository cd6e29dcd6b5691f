#pragma once

#include <ostream>
#include <string>

namespace bqq::command {

/// Writes a file as a whole or not at all; "-" is standard output.
void write_text(const std::string& path, const std::string& text);

/// @throws std::runtime_error  when write_text could not write to `path`; an empty one is none
void check_text_path(const std::string& path);

/// Where a summary is printed: standard error when `path`, which is written, is standard output.
std::ostream& summary_stream(const std::string& path);

} // namespace bqq::command
