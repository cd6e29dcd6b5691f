#pragma once

#include <bqq/matrix_codec.h>

#include <nlohmann/json.hpp>

#include <string>

namespace bqq::command {

/** What `compress` and `info` write with --json.
 * @param path  of the file that holds the code; file_bytes is null when it is a pipe or device
 */
nlohmann::ordered_json describe_matrix(const MatrixCodec& codec, const std::string& path);

} // namespace bqq::command
