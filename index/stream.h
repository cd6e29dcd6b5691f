#pragma once

#include "io/digest.h"
#include "io/mapped_file.h"
#include "io/quantizer_file.h"

#include <bqq/error.h>
#include <faiss/impl/io.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <set>
#include <span>
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

/// Most indexes inside each other, the outermost included: wrappers and coarse quantizers.
inline constexpr int kMaxNesting = 16;

/// One more index inside another, as long as it lives.
class Nesting {
public:
    /// @throws FileError  beyond kMaxNesting
    explicit Nesting(int& depth) : depth_(depth) {
        if (depth_ == kMaxNesting)
            throw FileError(
                    "more than " + std::to_string(kMaxNesting) + " indexes inside each other");
        ++depth_;
    }
    Nesting(const Nesting&) = delete;
    Nesting& operator=(const Nesting&) = delete;
    ~Nesting() { --depth_; }

private:
    int& depth_;
};

/// Hands bytes on to FAISS's writer, or only counts them, and keeps their digest.
class Writer : public faiss::IOWriter {
public:
    Writer() = default;
    explicit Writer(faiss::IOWriter& to) : to_(&to) { name = to.name; }

    size_t operator()(const void* bytes, size_t size, size_t count) override {
        digest_.update(bytes, size * count);
        size_ += size * count;
        return to_ == nullptr ? count : (*to_)(bytes, size, count);
    }
    void put(const void* bytes, size_t size) {
        if (size != 0 && (*this)(bytes, 1, size) != size)
            throw FileError("cannot write an index to " + name);
    }
    ByteSink sink() {
        return [this](const void* bytes, size_t size) { put(bytes, size); };
    }
    uint64_t digest() const { return digest_.value(); } ///< of all bytes
    uint64_t size() const { return size_; }

    int depth = 0;                  ///< indexes that the present one is inside, and itself
    std::set<std::string> features; ///< what a reader must know
    /// Codes and ids, which follow the head.
    std::vector<std::function<void(Writer&)>> lists;

private:
    faiss::IOWriter* to_ = nullptr;
    Digest digest_;
    uint64_t size_ = 0;
};

/** Takes bytes from memory or from FAISS's reader, and keeps their digest.
 *
 * It is a FileIOReader because FAISS finds files that lie beside the index by the name in one.
 */
class Reader : public faiss::FileIOReader {
public:
    /// A stream. @param flags  FAISS's, for what FAISS reads
    Reader(faiss::IOReader& from, int flags)
            : FileIOReader(static_cast<FILE*>(nullptr)), io_flags(flags), from_(&from) {
        name = from.name;
    }
    /// Bytes that outlive the reader.
    Reader(std::span<const uint8_t> bytes, std::string of, int flags)
            : FileIOReader(static_cast<FILE*>(nullptr)), io_flags(flags), bytes_(bytes) {
        name = std::move(of);
    }

    size_t operator()(void* bytes, size_t size, size_t count) override {
        if (size == 0) return 0;
        if (from_ == nullptr) {
            const size_t got = std::min(count, (bytes_.size() - position_) / size);
            if (got != 0) std::memcpy(bytes, bytes_.data() + position_, got * size);
            position_ += got * size;
            return got;
        }
        if (count > std::numeric_limits<size_t>::max() / size) return 0;
        return read_stream(static_cast<uint8_t*>(bytes), size * count) / size;
    }
    void read(void* bytes, size_t size) {
        if (size != 0 && (*this)(bytes, 1, size) != size) throw FileError("the file is truncated");
    }
    ByteSource source() {
        return [this](void* bytes, size_t size) { read(bytes, size); };
    }
    /// The next bytes, where they lie in memory; of a stream, valid until the next take().
    std::span<const uint8_t> take(size_t size) {
        if (from_ != nullptr) {
            taken_ = read_array<std::vector<uint8_t>>(source(), size);
            return taken_;
        }
        if (size > bytes_.size() - position_) throw FileError("the file is truncated");
        position_ += size;
        return bytes_.subspan(position_ - size, size);
    }

    /// What is read from now on is read again after again().
    void remember() {
        mark_ = position_;
        remembering_ = true;
    }
    void again() {
        remembering_ = false;
        if (from_ == nullptr) {
            position_ = mark_;
            return;
        }
        position_ -= remembered_.size();
        remembered_.insert(
                remembered_.end(), ahead_.begin() + static_cast<std::ptrdiff_t>(used_),
                ahead_.end());
        ahead_ = std::exchange(remembered_, {});
        used_ = 0;
    }

    void forget() {
        remembering_ = false;
        remembered_.clear();
    }

    size_t position() const { return position_; }
    /// All of them, where they lie in memory; none of a stream.
    std::span<const uint8_t> bytes() const { return bytes_; }
    /// Whether nothing follows; unknown of a stream.
    bool at_end() const { return from_ == nullptr && position_ == bytes_.size(); }
    /// Of all bytes before the position.
    uint64_t digest() const {
        if (from_ != nullptr) return digest_.value();
        Digest digest;
        digest.update(bytes_.data(), position_);
        return digest.value();
    }

    const int io_flags;
    uint32_t version = kIndexVersion; ///< of the file
    int depth = 0;                    ///< indexes that the present one is inside, and itself
    /// The file, where codes and ids are to stay in it.
    std::shared_ptr<const MappedFile> in_place;
    /// Read the codes and ids, which follow the head.
    std::vector<std::function<void(Reader&)>> lists;

private:
    faiss::IOReader* const from_ = nullptr;
    const std::span<const uint8_t> bytes_;
    size_t position_ = 0;
    size_t mark_ = 0;
    bool remembering_ = false;
    std::vector<uint8_t> remembered_, taken_;
    std::vector<uint8_t> ahead_; ///< to be read again, but for its first used_ bytes
    size_t used_ = 0;
    Digest digest_;

    size_t read_stream(uint8_t* bytes, size_t size) {
        const size_t first = std::min(size, ahead_.size() - used_);
        if (first != 0) std::memcpy(bytes, ahead_.data() + used_, first);
        used_ += first;
        size_t got = first;
        if (got < size) {
            got += (*from_)(bytes + got, 1, size - got);
            digest_.update(bytes + first, got - first);
        }
        if (remembering_) remembered_.insert(remembered_.end(), bytes, bytes + got);
        position_ += got;
        return got;
    }
};

/** Reads contents with their size before them and their digest after them.
 * @throws FileError  for another digest, or contents that end early
 */
template <class Read>
auto read_head(Reader& reader, const Read& read) {
    const ByteSource source = reader.source();
    const uint64_t size = reader.version == 4 ? read_value<uint64_t>(source) : read_varint(source);
    const std::span<const uint8_t> bytes = reader.take(size);
    Digest digest;
    digest.update(bytes.data(), bytes.size());
    Reader head(bytes, reader.name, reader.io_flags);
    if (read_value<uint64_t>(source) != digest.value())
        throw FileError("the file is corrupt: the checksum of its head does not fit");
    head.version = reader.version;
    head.depth = reader.depth;
    auto result = read(head);
    if (!head.at_end()) throw FileError("the head is longer than its contents");
    reader.lists = std::move(head.lists);
    return result;
}

} // namespace bqq
