#pragma once

#include <cstddef>
#include <cstdio>
#include <memory>
#include <string>

namespace bqq {

/// A regular file opened for reading, whose errors name it.
class InputFile {
public:
    /// @throws FileError  when the file is missing, unreadable, empty or no regular file
    explicit InputFile(std::string path);

    /// Reads exactly `bytes` bytes. @throws FileError  when the file ends before
    void read(void* data, size_t bytes);
    void seek(size_t position);

    size_t size() const { return size_; }

    /// @throws FileError  always: "<path>: <message>"
    [[noreturn]] void fail(const std::string& message) const;

private:
    struct Close {
        void operator()(std::FILE* file) const { std::fclose(file); }
    };

    std::string path_;
    std::unique_ptr<std::FILE, Close> file_;
    size_t size_ = 0;
};

} // namespace bqq
