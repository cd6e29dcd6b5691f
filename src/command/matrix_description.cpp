#include "command/matrix_description.h"

#include <filesystem>
#include <system_error>

namespace bqq::command {

nlohmann::ordered_json describe_matrix(const MatrixCodec& codec, const std::string& path) {
    const MatrixBlock& block = codec.blocks().front();
    nlohmann::ordered_json description{
            {"rows", codec.rows()},
            {"cols", codec.cols()},
            {"planes", codec.planes()},
            {"blocks", codec.blocks().size()},
            {"block_rows", block.rows},
            {"block_cols", block.cols},
            {"rank", block.rank},
            {"bits_per_entry", codec.bits_per_entry()},
            {"bytes", codec.memory_bytes()},
            {"file_bytes", nullptr},
            {"mse", codec.mse_per_plane().back()},
            {"mse_per_plane", codec.mse_per_plane()}};
    std::error_code not_a_file;
    const auto file_bytes = std::filesystem::file_size(path, not_a_file);
    if (!not_a_file) description["file_bytes"] = file_bytes;
    return description;
}

} // namespace bqq::command
