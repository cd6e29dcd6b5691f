#include <bqq/index/index_io.h>

#include <bqq/index/IndexBQQ.h>
#include <bqq/index/IndexIVFBQQ.h>

#include "index/consistency.h"
#include "index/faiss_errors.h"
#include "index/faiss_format.h"
#include "index/index_bodies.h"
#include "index/tagged.h"
#include "index/wrappers.h"
#include "io/atomic_file.h"

#include <faiss/impl/FaissAssert.h>
#include <faiss/index_io.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <vector>

namespace bqq {

namespace {

// A file is a magic number, a version, features, a head, lists and the XXH3 digest of all before.
// The head is an index: a tag and contents; the contents of a wrapper end with its parts. Versions
// before 8 have no head around the index: docs/format.md.
constexpr char kMagic[4] = {'B', 'Q', 'Q', 'X'};
// The bits of IO_FLAG_MMAP without IO_FLAG_SKIP_IVF_DATA, which is one of them.
constexpr int kMapped = faiss::IO_FLAG_MMAP & ~faiss::IO_FLAG_SKIP_IVF_DATA;
/// Lists begin at a multiple of this.
constexpr size_t kListsAlignment = 64;

/// @return  whether it is ours, else it is one of FAISS's, which all begin with I
/// @throws FileError  when it is neither
bool is_ours(Reader& reader) {
    char magic[sizeof kMagic] = {};
    const size_t size = reader(magic, 1, sizeof magic);
    if (size == sizeof magic && std::memcmp(magic, kMagic, sizeof magic) == 0) return true;
    if (size == 0 || magic[0] != 'I') throw FileError("it is no index file of BQQ or FAISS");
    return false;
}

void read_features(Reader& reader) {
    const ByteSource source = reader.source();
    for (uint64_t n = read_varint(source); n > 0; --n) {
        const std::span<const uint8_t> bytes = reader.take(read_value<uint8_t>(source));
        const std::string feature(bytes.begin(), bytes.end());
        if (feature != kTiedAtoms)
            throw FileError("the file has '" + feature + "', which this library does not know");
    }
}

/// Zeros up to kListsAlignment.
size_t padding(size_t position) {
    return (kListsAlignment - position % kListsAlignment) % kListsAlignment;
}

/// Before version 8 nothing else tells damage of what is not in a head.
void check_digest(std::span<const uint8_t> file) {
    Digest digest;
    uint64_t stored = 0;
    if (file.size() >= sizeof stored) {
        const size_t size = file.size() - sizeof stored;
        digest.update(file.data(), size);
        std::memcpy(&stored, file.data() + size, sizeof stored);
    }
    if (file.size() < sizeof stored || stored != digest.value())
        throw FileError("the file is truncated or corrupt: its checksum does not fit");
}

/// What follows the magic number of a file of ours.
std::unique_ptr<faiss::Index> read_ours(Reader& reader) {
    const ByteSource source = reader.source();
    reader.version = read_value<uint32_t>(source);
    if (reader.version < kFirstIndexVersion || reader.version > kIndexVersion)
        throw FileError(
                "the file has version " + std::to_string(reader.version) + ", this library reads " +
                std::to_string(kFirstIndexVersion) + " to " + std::to_string(kIndexVersion));
    std::unique_ptr<faiss::Index> index;
    if (reader.version < 8) {
        if (!reader.bytes().empty() && reader.in_place == nullptr) check_digest(reader.bytes());
        index = read_tagged(reader);
    } else {
        read_features(reader);
        index = read_head(reader, read_tagged);
        for (const uint8_t zero : reader.take(padding(reader.position())))
            if (zero != 0) throw FileError("the file is corrupt: bytes between head and lists");
        for (const auto& read_list : reader.lists) read_list(reader);
    }
    const uint64_t digest = reader.in_place == nullptr ? reader.digest() : 0;
    const auto stored = read_value<uint64_t>(source);
    if (reader.in_place == nullptr && stored != digest)
        throw FileError("the file is corrupt: its checksum does not fit");
    check_consistent(*index);
    return index;
}

/// Reads what FAISS wrote, once it is found to be right; a kind that is not known here as it is.
template <class Read>
std::unique_ptr<faiss::Index> read_foreign(Reader& reader, const Read& read) {
    reader.remember();
    const bool known = is_faiss_index(reader);
    reader.again();
    try {
        std::unique_ptr<faiss::Index> index(read());
        if (known) check_consistent(*index);
        return index;
    } catch (const faiss::FaissException& error) {
        if (std::string(error.what()).find("read error in") == std::string::npos) throw;
        throw FileError("the file is truncated");
    }
}

std::unique_ptr<faiss::Index> read_stream(faiss::IOReader& from, int io_flags) {
    FAISS_THROW_IF_NOT_MSG((io_flags & kMapped) == 0, "BQQ: IO_FLAG_MMAP needs the path of a file");
    Reader reader(from, io_flags);
    reader.remember();
    const bool ours = is_ours(reader);
    if (ours) {
        reader.forget();
        return read_ours(reader);
    }
    reader.again();
    return read_foreign(reader, [&] { return faiss::read_index(&reader, io_flags); });
}

/// A file is mapped while it is read. FAISS opens its own, how depends on the flags.
std::unique_ptr<faiss::Index> read_path(const std::string& path, int io_flags) {
    if (!std::filesystem::is_regular_file(path)) {
        faiss::FileIOReader reader(path.c_str());
        return read_stream(reader, io_flags);
    }
    const auto file = std::make_shared<MappedFile>(path);
    const bool in_place = (io_flags & kMapped) != 0;
    Reader reader(
            {file->data(), file->size()}, path,
            in_place ? io_flags & ~faiss::IO_FLAG_MMAP : io_flags);
    reader.remember();
    if (!is_ours(reader)) {
        reader.again();
        return read_foreign(reader, [&] { return faiss::read_index(path.c_str(), io_flags); });
    }
    if (in_place) reader.in_place = file;
    std::unique_ptr<faiss::Index> index = read_ours(reader);
    if (!reader.at_end()) throw FileError("bytes follow the end of the index");
    return index;
}

/// Copies by writing and reading in memory: FAISS's indexes, and wrappers without their parts.
template <class Write, class Read>
auto copy_bytes(const Write& write, const Read& read) {
    faiss::VectorIOWriter to;
    Writer writer(to);
    write(writer);
    // Two indexes must not write to one file of lists.
    Reader reader(to.data, "", faiss::IO_FLAG_READ_ONLY);
    return read(reader);
}

std::unique_ptr<faiss::Index> clone(const faiss::Index& index) {
    if (const auto* flat = dynamic_cast<const IndexBQQ*>(&index))
        return std::make_unique<IndexBQQ>(*flat);
    if (const auto* ivf = dynamic_cast<const IndexIVFBQQ*>(&index))
        return std::make_unique<IndexIVFBQQ>(*ivf);
    const Wrapper* wrapper = contains_bqq(&index) ? find_wrapper(index) : nullptr;
    if (wrapper == nullptr)
        return copy_bytes(
                [&](Writer& writer) { faiss::write_index(&index, &writer); },
                [](Reader& reader) {
                    return std::unique_ptr<faiss::Index>(
                            faiss::read_index(&reader, reader.io_flags));
                });
    const std::vector<faiss::Index*> parts = wrapper->parts(index);
    size_t part = 0;
    return copy_bytes(
            [&](Writer& writer) { wrapper->write(index, writer); },
            [&](Reader& reader) {
                return wrapper->read(reader, [&] { return clone(*parts.at(part++)); });
            });
}

} // namespace

void write_index(const faiss::Index* index, faiss::IOWriter* to) {
    with_faiss_errors([&] {
        if (!contains_bqq(index)) {
            faiss::write_index(index, to);
            return;
        }
        check_consistent(*index); // no file is written that cannot be read
        Writer head;
        write_tagged(index, head);
        Writer writer(*to);
        const ByteSink sink = writer.sink();
        sink(kMagic, sizeof kMagic);
        write_value(sink, kIndexVersion);
        write_varint(sink, head.features.size());
        for (const std::string& feature : head.features) {
            write_value(sink, static_cast<uint8_t>(feature.size()));
            sink(feature.data(), feature.size());
        }
        write_varint(sink, head.size());
        write_tagged(index, writer);
        write_value(sink, head.digest());
        const std::vector<uint8_t> zeros(padding(writer.size()));
        sink(zeros.data(), zeros.size());
        for (const auto& write_lists : head.lists) write_lists(writer);
        write_value(sink, writer.digest());
    });
}

void write_index(const faiss::Index* index, const std::string& path) {
    with_faiss_errors([&] {
        write_atomically(path, [&](std::FILE* file) {
            faiss::FileIOWriter writer(file);
            writer.name = path;
            bqq::write_index(index, &writer);
        });
    });
}

std::unique_ptr<faiss::Index> read_index(faiss::IOReader* reader, int io_flags) {
    return with_faiss_errors([&] { return read_stream(*reader, io_flags); });
}

std::unique_ptr<faiss::Index> read_index(const std::string& path, int io_flags) {
    try {
        return read_path(path, io_flags);
    } catch (const std::bad_alloc&) {
        throw;
    } catch (const std::exception& error) {
        throw faiss::FaissException("cannot read " + path + ": " + error.what());
    }
}

void verify_index(const std::string& path) {
    const std::unique_ptr<faiss::Index> index =
            read_index(path, kMapped | faiss::IO_FLAG_READ_ONLY);
    if (!contains_bqq(index.get())) return;
    try {
        const MappedFile file(path);
        check_digest({file.data(), file.size()});
    } catch (const FileError& error) {
        throw faiss::FaissException("cannot read " + path + ": " + error.what());
    }
}

std::unique_ptr<faiss::Index> clone_index(const faiss::Index* index) {
    return with_faiss_errors([&] {
        FAISS_THROW_IF_NOT_MSG(index != nullptr, "BQQ: clone_index() of a null index");
        return clone(*index);
    });
}

} // namespace bqq
