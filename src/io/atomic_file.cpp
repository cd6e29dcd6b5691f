#include "io/atomic_file.h"

#include "io/temporary_paths.h"

#include <bqq/error.h>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <optional>
#include <random>
#include <string_view>
#include <system_error>
#include <utility>

namespace bqq {

namespace {

namespace fs = std::filesystem;

constexpr int most_links = 40; // as many as Linux follows
constexpr std::array<std::string_view, 2> descriptor_folders{"/dev/fd/", "/proc/self/fd/"};

[[noreturn]] void fail(const std::string& path, int error) {
    throw WriteError("cannot write " + path + ": " + std::strerror(error));
}

/// The file that rename() has to replace.
fs::path follow_links(const std::string& path) {
    fs::path target = path;
    std::error_code error;
    for (int i = 0; fs::is_symlink(target, error); ++i) {
        if (i == most_links) fail(path, ELOOP);
        target = target.parent_path() / fs::read_symlink(target);
    }
    return target;
}

/// The open descriptor that a path such as /dev/stdout stands for.
std::optional<int> descriptor_of(const std::string& path) {
    if (path == "/dev/stdout") return STDOUT_FILENO;
    if (path == "/dev/stderr") return STDERR_FILENO;
    for (const std::string_view folder : descriptor_folders) {
        if (!path.starts_with(folder)) continue;
        int descriptor = -1;
        const char* end = path.data() + path.size();
        const auto result = std::from_chars(path.data() + folder.size(), end, descriptor);
        if (result.ec == std::errc() && result.ptr == end) return descriptor;
    }
    return std::nullopt;
}

/// Whether `path` is a device or pipe, which has to stay where it is.
bool is_special(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) {
        if (errno == ENAMETOOLONG) fail(path, errno);
        return false;
    }
    if (S_ISDIR(status.st_mode)) fail(path, EISDIR);
    return !S_ISREG(status.st_mode);
}

fs::path folder_of(const fs::path& target) {
    return target.has_parent_path() ? target.parent_path() : fs::path(".");
}

/// fsync(). @return  an error, or 0
int flush(int descriptor) {
    int result = 0;
    do {
        result = ::fsync(descriptor);
    } while (result != 0 && errno == EINTR);
    return result == 0 || errno == EINVAL ? 0 : errno; // EINVAL: a file system without fsync
}

/// An open file, closed when it goes out of scope.
class OutputFile {
public:
    /// @param name  of the file for the user
    OutputFile(int descriptor, std::string name) : name_(std::move(name)) {
        if (descriptor < 0) fail(name_, errno);
        file_ = ::fdopen(descriptor, "wb");
        if (!file_) {
            const int error = errno;
            ::close(descriptor);
            fail(name_, error);
        }
    }
    OutputFile(const OutputFile&) = delete;
    OutputFile& operator=(const OutputFile&) = delete;
    ~OutputFile() {
        if (file_) std::fclose(file_);
    }

    void fill(const std::function<void(std::FILE*)>& write) {
        errno = 0;
        try {
            write(file_);
        } catch (...) {
            if (std::ferror(file_) == 0) throw;
        }
        if (std::ferror(file_) != 0) fail(name_, errno != 0 ? errno : EIO);
        if (std::fflush(file_) != 0) fail(name_, errno);
    }

    void sync() {
        const int error = flush(::fileno(file_));
        if (error != 0) fail(name_, error);
    }

    void close() {
        if (std::fclose(std::exchange(file_, nullptr)) != 0) fail(name_, errno);
    }

private:
    std::FILE* file_ = nullptr;
    std::string name_;
};

/// A lock that ends with the process: a name whose file nobody has locked is litter.
bool lock(int descriptor) {
    return ::flock(descriptor, LOCK_EX | LOCK_NB) == 0;
}

/// Names in the folder of the target for files that shall become it.
class TemporaryNames {
public:
    explicit TemporaryNames(const fs::path& target) : folder_(folder_of(target)) {
        // The longest name that a folder takes leaves room for no more than this.
        constexpr size_t kOfName = 200;
        prefix_ = "." + target.filename().string().substr(0, kOfName) + ".";
    }

    fs::path make() { return folder_ / (prefix_ + std::to_string(random_()) + kSuffix); }

    /// Removes what writers left that were killed.
    void remove_litter() const {
        std::error_code error;
        for (fs::directory_iterator entry(folder_, error), end; !error && entry != end;
             entry.increment(error)) {
            if (!is_ours(entry->path().filename().string())) continue;
            const int descriptor = ::open(entry->path().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
            if (descriptor < 0) continue;
            if (lock(descriptor)) ::unlink(entry->path().c_str());
            ::close(descriptor);
        }
    }

private:
    static constexpr const char* kSuffix = ".tmp";
    fs::path folder_;
    std::string prefix_;
    std::random_device random_;

    bool is_ours(const std::string& name) const {
        const std::string_view view = name;
        if (!view.starts_with(prefix_) || !view.ends_with(kSuffix)) return false;
        const std::string_view number =
                view.substr(prefix_.size(), view.size() - prefix_.size() - std::strlen(kSuffix));
        return !number.empty() && number.find_first_not_of("0123456789") == number.npos;
    }
};

/** A file in the folder of the target, which gets a name there only when it is whole: a writer that
 * is killed leaves nothing. Where the file system has no files without a name, it has one from the
 * beginning, which the next writer removes.
 */
class TemporaryFile {
public:
    explicit TemporaryFile(const fs::path& target) : names_(target) {
        // A name is given by way of /proc.
        if (::access(kOpenFiles, X_OK) == 0)
            descriptor_ = ::open(folder_of(target).c_str(), O_WRONLY | O_TMPFILE | O_CLOEXEC, 0666);
        if (descriptor_ >= 0) {
            (void)lock(descriptor_);
            return;
        }
        do {
            path_.emplace(names_.make());
            descriptor_ =
                    ::open(path_->path().c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        } while (descriptor_ < 0 ? errno == EEXIST : !is_kept());
        if (descriptor_ < 0) fail(target, errno);
    }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;
    ~TemporaryFile() {
        if (path_) ::unlink(path_->path().c_str());
    }

    int descriptor() const { return descriptor_; }

    /// While the descriptor is open.
    void rename_to(const fs::path& target) {
        const std::string open_file = std::string(kOpenFiles) + "/" + std::to_string(descriptor_);
        while (!path_) {
            const fs::path name = names_.make();
            if (::linkat(AT_FDCWD, open_file.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) ==
                0)
                path_.emplace(name);
            else if (errno != EEXIST)
                fail(target, errno);
        }
        if (::rename(path_->path().c_str(), target.c_str()) != 0) fail(target, errno);
        path_.reset();
        names_.remove_litter();
    }

private:
    static constexpr const char* kOpenFiles = "/proc/self/fd";
    TemporaryNames names_;
    std::optional<TemporaryPath> path_; ///< of a file that has a name
    int descriptor_ = -1;

    /// Locks a new file; false when another writer took it for litter before.
    bool is_kept() {
        struct stat status {};
        (void)lock(descriptor_);
        if (::fstat(descriptor_, &status) == 0 && status.st_nlink > 0) return true;
        ::close(std::exchange(descriptor_, -1));
        return false;
    }
};

/// @param descriptor  of the stream that `path` names, closed here
void write_stream(
        int descriptor, const std::string& path, const std::function<void(std::FILE*)>& write) {
    OutputFile file(descriptor, path);
    file.fill(write);
    file.close();
}

/// Flushes the folder's entry: until then a crash of the machine can bring the old file back.
void sync_folder(const fs::path& folder, const std::string& path) {
    const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return; // a folder that can be written but not read
    const int error = flush(descriptor);
    ::close(descriptor);
    if (error != 0)
        throw WriteError(
                path + " is written, but its folder cannot be flushed to the disk: " +
                std::strerror(error));
}

/// What a path leads to; nothing when there is no file.
std::optional<struct stat> status_of(const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 ? std::optional(status) : std::nullopt;
}

bool same_file(const std::optional<struct stat>& a, const std::optional<struct stat>& b) {
    return a && b && a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

} // namespace

void write_atomically(const std::string& path, const std::function<void(std::FILE*)>& write) {
    if (const auto descriptor = descriptor_of(path)) {
        return write_stream(::fcntl(*descriptor, F_DUPFD_CLOEXEC, 0), path, write);
    }
    if (is_special(path)) {
        return write_stream(::open(path.c_str(), O_WRONLY | O_CLOEXEC), path, write);
    }

    const fs::path target = follow_links(path);
    TemporaryFile temporary(target);
    OutputFile file(temporary.descriptor(), path);
    struct stat replaced {};
    if (::stat(target.c_str(), &replaced) == 0) {
        ::fchmod(temporary.descriptor(), replaced.st_mode & 07777);
    }
    file.fill(write);
    file.sync();
    temporary.rename_to(target);
    file.close();
    sync_folder(folder_of(target), path);
}

void write_atomically(const std::string& path, const std::string& bytes) {
    write_atomically(
            path, [&](std::FILE* stream) { std::fwrite(bytes.data(), 1, bytes.size(), stream); });
}

void check_writable(const std::string& path) {
    if (path.empty()) throw FileError("the path of an output file is empty");
    if (const auto descriptor = descriptor_of(path)) {
        if (::fcntl(*descriptor, F_GETFD) < 0) fail(path, errno);
        return;
    }
    if (is_special(path)) {
        if (::access(path.c_str(), W_OK) != 0) fail(path, errno);
        return;
    }
    const fs::path folder = folder_of(follow_links(path));
    if (::access(folder.c_str(), W_OK | X_OK) != 0) fail(path, errno);
}

bool is_same_file(const std::string& path, const std::string& input) {
    const auto status = status_of(path);
    return status && S_ISREG(status->st_mode) &&
           same_file(status, status_of(input == "-" ? "/dev/stdin" : input));
}

bool is_standard_output(const std::string& path) {
    return same_file(status_of(path), status_of("/dev/stdout"));
}

} // namespace bqq
