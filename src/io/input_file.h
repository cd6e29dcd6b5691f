#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>

namespace bqq {

/// A file opened for reading, whose errors name it.
class InputFile {
public:
    /// Reads up to `size` bytes and returns how many, 0 at the end.
    using Source = std::function<size_t(void* bytes, size_t size)>;

    /// @throws FileError  when the file is missing, unreadable, empty or no regular file
    explicit InputFile(std::string path);

    /// A copy of what `source` gives, in a temporary file without a name.
    /// @throws FileError  when there is nothing, or no room for it
    InputFile(std::string name, const Source& source);

    /// A file of any kind; "-" is standard input. What cannot seek is copied.
    static InputFile of_any_kind(const std::string& path);

    /// Reads exactly `bytes` bytes. @throws FileError  when the file ends before
    void read(void* data, size_t bytes);
    /// The same at a place of its own, wherever read() is.
    void read_at(size_t position, void* data, size_t bytes) const;
    /// Reads a line without its end; false at the end of the file.
    bool read_line(std::string& line);
    void seek(size_t position);
    size_t position() const { return static_cast<size_t>(::ftello(file_.get())); }

    const std::string& path() const { return path_; }
    /// A path for libraries that open files themselves.
    std::string path_to_open() const;
    size_t size() const { return size_; }

    /// @throws FileError  always: "<path>: <message>"
    [[noreturn]] void fail(const std::string& message) const;

private:
    struct Close {
        void operator()(std::FILE* file) const { std::fclose(file); }
    };

    InputFile(std::string path, int descriptor);
    void take(int descriptor);

    std::string path_;
    std::unique_ptr<std::FILE, Close> file_;
    size_t size_ = 0;
};

} // namespace bqq
