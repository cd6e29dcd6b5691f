#include "io/input_file.h"

#include <bqq/error.h>

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace bqq {

InputFile::InputFile(std::string path) : path_(std::move(path)) {
    struct stat status {};
    if (::stat(path_.c_str(), &status) != 0) fail(std::strerror(errno));
    if (!S_ISREG(status.st_mode)) fail("is not a regular file");
    if (status.st_size == 0) fail("is empty");
    size_ = static_cast<size_t>(status.st_size);
    file_.reset(std::fopen(path_.c_str(), "rb"));
    if (!file_) fail(std::strerror(errno));
}

void InputFile::read(void* data, size_t bytes) {
    if (std::fread(data, 1, bytes, file_.get()) == bytes) return;
    if (std::ferror(file_.get())) fail(std::strerror(errno));
    fail("is truncated");
}

void InputFile::seek(size_t position) {
    if (::fseeko(file_.get(), static_cast<off_t>(position), SEEK_SET) != 0) {
        fail(std::strerror(errno));
    }
}

void InputFile::fail(const std::string& message) const {
    throw FileError(path_ + ": " + message);
}

} // namespace bqq
