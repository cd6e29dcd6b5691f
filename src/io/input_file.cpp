#include "io/input_file.h"

#include <bqq/error.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>
#include <vector>

namespace bqq {

namespace {

constexpr size_t kPiece = size_t{1} << 20;

struct stat status_of(int descriptor) {
    struct stat status {};
    ::fstat(descriptor, &status);
    return status;
}

} // namespace

InputFile::InputFile(std::string path) : path_(std::move(path)) {
    struct stat status {};
    if (::stat(path_.c_str(), &status) != 0) fail(std::strerror(errno));
    if (!S_ISREG(status.st_mode)) fail("is not a regular file");
    take(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
}

InputFile::InputFile(std::string path, int descriptor) : path_(std::move(path)) {
    take(descriptor);
}

InputFile::InputFile(std::string name, const Source& source) : path_(std::move(name)) {
    std::string copy = std::filesystem::temp_directory_path() / "bqq-XXXXXX";
    const int descriptor = ::mkostemp(copy.data(), O_CLOEXEC);
    if (descriptor < 0) fail("cannot copy it to " + copy + ": " + std::strerror(errno));
    ::unlink(copy.c_str());
    file_.reset(::fdopen(descriptor, "w+b"));
    if (!file_) fail(std::strerror(errno));
    std::vector<char> piece(kPiece);
    while (const size_t count = source(piece.data(), piece.size())) {
        size_ += count;
        if (std::fwrite(piece.data(), 1, count, file_.get()) != count) break;
    }
    if (std::fflush(file_.get()) != 0 || std::ferror(file_.get()) != 0)
        fail("cannot copy it to " + copy + ": " + std::strerror(errno));
    if (size_ == 0) fail("is empty");
    seek(0);
}

InputFile InputFile::of_any_kind(const std::string& path) {
    const bool standard_input = path == "-";
    struct stat status {};
    if (!standard_input && ::stat(path.c_str(), &status) == 0 &&
        (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)))
        return InputFile(path);
    const std::string name = standard_input ? "standard input" : path;
    const int descriptor = standard_input ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
                                          : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor >= 0 && S_ISREG(status_of(descriptor).st_mode)) return {name, descriptor};
    if (descriptor < 0) throw FileError(name + ": " + std::strerror(errno));
    const std::unique_ptr<std::FILE, Close> stream(::fdopen(descriptor, "rb"));
    return {name, [&](void* bytes, size_t size) {
                const size_t count = std::fread(bytes, 1, size, stream.get());
                if (std::ferror(stream.get()) != 0)
                    throw FileError(name + ": " + std::strerror(errno));
                return count;
            }};
}

void InputFile::take(int descriptor) {
    if (descriptor < 0) fail(std::strerror(errno));
    file_.reset(::fdopen(descriptor, "rb"));
    if (!file_) fail(std::strerror(errno));
    size_ = static_cast<size_t>(status_of(descriptor).st_size);
    if (size_ == 0) fail("is empty");
    seek(0);
}

void InputFile::read(void* data, size_t bytes) {
    if (std::fread(data, 1, bytes, file_.get()) == bytes) return;
    if (std::ferror(file_.get())) fail(std::strerror(errno));
    fail("is truncated");
}

void InputFile::read_at(size_t position, void* data, size_t bytes) const {
    auto* to = static_cast<char*>(data);
    while (bytes > 0) {
        const ssize_t count =
                ::pread(::fileno(file_.get()), to, bytes, static_cast<off_t>(position));
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) fail(std::strerror(errno));
        if (count == 0) fail("is truncated");
        to += count;
        position += static_cast<size_t>(count);
        bytes -= static_cast<size_t>(count);
    }
}

bool InputFile::read_line(std::string& line) {
    char* text = nullptr;
    size_t room = 0;
    const ssize_t length = ::getline(&text, &room, file_.get());
    const std::unique_ptr<char, void (*)(void*)> owner(text, std::free);
    if (length < 0) {
        if (std::ferror(file_.get())) fail(std::strerror(errno));
        return false;
    }
    line.assign(text, static_cast<size_t>(length));
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.pop_back();
    return true;
}

void InputFile::seek(size_t position) {
    if (::fseeko(file_.get(), static_cast<off_t>(position), SEEK_SET) != 0) {
        fail(std::strerror(errno));
    }
}

std::string InputFile::path_to_open() const {
    return "/proc/self/fd/" + std::to_string(::fileno(file_.get()));
}

void InputFile::fail(const std::string& message) const {
    throw FileError(path_ + ": " + message);
}

} // namespace bqq
