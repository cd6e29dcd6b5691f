#include "io/mapped_file.h"

#include <bqq/error.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace bqq {

namespace {

/// Whole pages of a file, and one more.
size_t mapped_bytes(size_t size) {
    const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
    return (size + page - 1) / page * page + page;
}

} // namespace

MappedFile::MappedFile(const std::string& path) {
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) throw FileError("cannot open " + path + ": " + std::strerror(errno));
    struct stat status {};
    void* data = MAP_FAILED;
    if (::fstat(file, &status) == 0 && status.st_size > 0) {
        size_ = static_cast<size_t>(status.st_size);
        // The file takes the place of the first pages of a mapping that is longer.
        data = ::mmap(nullptr, mapped_bytes(size_), PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (data != MAP_FAILED &&
            ::mmap(data, size_, PROT_READ, MAP_SHARED | MAP_FIXED, file, 0) == MAP_FAILED) {
            const int error = errno;
            ::munmap(data, mapped_bytes(size_));
            errno = error;
            data = MAP_FAILED;
        }
    }
    const int error = errno;
    ::close(file);
    if (status.st_size == 0) throw FileError(path + " is empty");
    if (data == MAP_FAILED) throw FileError("cannot map " + path + ": " + std::strerror(error));
    data_ = static_cast<const uint8_t*>(data);
}

MappedFile::~MappedFile() {
    ::munmap(const_cast<uint8_t*>(data_), mapped_bytes(size_));
}

} // namespace bqq
