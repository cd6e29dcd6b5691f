#include "command/temporary_folder.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <system_error>

namespace bqq::command {

TemporaryFolder::TemporaryFolder() {
    std::string path = std::filesystem::temp_directory_path() / "bqq-XXXXXX";
    if (!::mkdtemp(path.data())) {
        throw std::runtime_error("cannot create the folder " + path + ": " + std::strerror(errno));
    }
    path_.emplace(path);
}

TemporaryFolder::~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_->path(), ignored);
}

} // namespace bqq::command
