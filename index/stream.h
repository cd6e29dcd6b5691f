#pragma once

#include "io/digest.h"
#include "io/mapped_file.h"
#include "io/quantizer_file.h"

#include <bqq/error.h>
#include <faiss/impl/io.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace bqq {

/// Writes the number of values, and the values.
template <class Vector>
void write_vector(const ByteSink& sink, const Vector& values) {
    write_value(sink, static_cast<uint64_t>(values.size()));
    sink(values.data(), values.size() * sizeof(values[0]));
}

template <class Vector>
Vector read_vector(const ByteSource& source) {
    const auto size = read_value<uint64_t>(source);
    return read_array<Vector>(source, size);
}

/// Hands bytes on to FAISS's writer and keeps their digest.
class Writer : public faiss::IOWriter {
public:
    explicit Writer(faiss::IOWriter& to) : to_(to) { name = to.name; }

    size_t operator()(const void* bytes, size_t size, size_t count) override {
        digest_.update(bytes, size * count);
        return to_(bytes, size, count);
    }
    void put(const void* bytes, size_t size) {
        if (size != 0 && (*this)(bytes, 1, size) != size)
            throw FileError("cannot write an index to " + name);
    }
    ByteSink sink() {
        return [this](const void* bytes, size_t size) { put(bytes, size); };
    }
    uint64_t digest() const { return digest_.value(); }

    int depth = 0; ///< indexes that the present one is inside, and itself

private:
    faiss::IOWriter& to_;
    Digest digest_;
};

/// Reads a mapped file.
class MappedReader : public faiss::IOReader {
public:
    MappedReader(const std::string& path, std::shared_ptr<const MappedFile> file)
            : file_(std::move(file)) {
        name = path;
    }
    size_t operator()(void* bytes, size_t size, size_t count) override {
        const size_t got = size == 0 ? 0 : std::min(count, (file_->size() - position_) / size);
        if (got != 0) std::memcpy(bytes, file_->data() + position_, got * size);
        position_ += got * size;
        return got;
    }
    const std::shared_ptr<const MappedFile>& file() const { return file_; }
    /// The next `size` bytes, where they lie; the reading goes on after them.
    const uint8_t* take(size_t size) {
        if (size > file_->size() - position_) throw FileError("the file is truncated");
        const uint8_t* bytes = file_->data() + position_;
        position_ += size;
        return bytes;
    }

private:
    std::shared_ptr<const MappedFile> file_;
    size_t position_ = 0;
};

/** Takes bytes from FAISS's reader and keeps their digest. The first bytes may have been read
 * already.
 *
 * It is a FileIOReader because FAISS finds files that lie beside the index by the name in one.
 */
class Reader : public faiss::FileIOReader {
public:
    /// @param flags     FAISS's, for what FAISS reads
    /// @param in_place  whether lists of codes stay in `from`, a MappedReader
    Reader(faiss::IOReader& from, std::vector<uint8_t> ahead, int flags, bool in_place = false)
            : FileIOReader(static_cast<FILE*>(nullptr)),
              io_flags(flags),
              mapped_(dynamic_cast<MappedReader*>(&from)),
              in_place_(in_place),
              from_(from),
              ahead_(std::move(ahead)) {
        name = from.name;
    }

    size_t operator()(void* bytes, size_t size, size_t count) override {
        const size_t wanted = size * count;
        const size_t first = std::min(wanted, ahead_.size() - used_);
        if (first != 0) std::memcpy(bytes, ahead_.data() + used_, first);
        used_ += first;
        size_t got = first;
        if (got < wanted) got += from_(static_cast<uint8_t*>(bytes) + got, 1, wanted - got);
        if (mapped_ == nullptr) digest_.update(bytes, got);
        return size == 0 ? 0 : got / size;
    }
    ByteSource source() {
        return [this](void* bytes, size_t size) {
            if (size != 0 && (*this)(bytes, 1, size) != size)
                throw FileError("the file is truncated");
        };
    }
    /// Nothing for a mapped file, which can be looked at before it is read.
    std::optional<uint64_t> digest() const {
        if (mapped_ != nullptr) return {};
        return digest_.value();
    }

    /// Not null where lists are to stay in the file.
    MappedReader* mapped() { return in_place_ ? mapped_ : nullptr; }

    const int io_flags;
    uint32_t version = kIndexVersion; ///< of the file
    int depth = 0;                    ///< indexes that the present one is inside, and itself

private:
    MappedReader* const mapped_;
    const bool in_place_;
    faiss::IOReader& from_;
    std::vector<uint8_t> ahead_;
    size_t used_ = 0;
    Digest digest_;
};

} // namespace bqq
