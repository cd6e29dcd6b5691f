#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace bqq {

/// A file mapped into memory for reading. A page of zeros follows it there.
class MappedFile {
public:
    /// @throws FileError  when the file cannot be opened or mapped
    explicit MappedFile(const std::string& path);
    ~MappedFile();
    MappedFile(const MappedFile&) = delete;
    MappedFile& operator=(const MappedFile&) = delete;

    const uint8_t* data() const { return data_; }
    size_t size() const { return size_; }

private:
    const uint8_t* data_ = nullptr;
    size_t size_ = 0;
};

} // namespace bqq
