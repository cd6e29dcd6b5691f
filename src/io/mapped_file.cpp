#include "io/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>

namespace bqq {

MappedFile::MappedFile(const std::string& path) {
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) throw std::system_error(errno, std::generic_category(), "cannot open " + path);
    struct stat status {};
    void* data = MAP_FAILED;
    if (::fstat(file, &status) == 0 && status.st_size > 0)
        data = ::mmap(nullptr, static_cast<size_t>(status.st_size), PROT_READ, MAP_SHARED, file, 0);
    const int error = errno;
    ::close(file);
    if (status.st_size == 0) throw std::runtime_error(path + " is empty");
    if (data == MAP_FAILED)
        throw std::system_error(error, std::generic_category(), "cannot map " + path);
    data_ = static_cast<const uint8_t*>(data);
    size_ = static_cast<size_t>(status.st_size);
}

MappedFile::~MappedFile() {
    ::munmap(const_cast<uint8_t*>(data_), size_);
}

} // namespace bqq
