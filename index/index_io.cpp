#include <bqq/index/index_io.h>

#include <bqq/index/IndexBQQ.h>
#include <bqq/index/IndexIVFBQQ.h>

#include "index/faiss_errors.h"
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
#include <optional>
#include <string>
#include <vector>

namespace bqq {

namespace {

// A file is a magic number, a version, an index and the XXH3 digest of all before it. An index is a
// tag and contents; the contents of a wrapper end with its parts: docs/format.md.
constexpr char kMagic[4] = {'B', 'Q', 'Q', 'X'};
// The bits of IO_FLAG_MMAP without IO_FLAG_SKIP_IVF_DATA, which is one of them.
constexpr int kMapped = faiss::IO_FLAG_MMAP & ~faiss::IO_FLAG_SKIP_IVF_DATA;

/// The first four bytes, or fewer at the end of the file.
std::vector<uint8_t> read_magic(faiss::IOReader& from) {
    std::vector<uint8_t> bytes(sizeof kMagic);
    bytes.resize(from(bytes.data(), 1, bytes.size()));
    return bytes;
}

/// @throws FileError  when it is neither ours nor one of FAISS's, which all begin with I
bool is_ours(const std::vector<uint8_t>& magic) {
    if (magic.size() == sizeof kMagic && std::memcmp(magic.data(), kMagic, sizeof kMagic) == 0)
        return true;
    if (magic.empty() || magic[0] != 'I') throw FileError("it is no index file of BQQ or FAISS");
    return false;
}

/// @param magic  what read_magic() took from the file
std::unique_ptr<faiss::Index> read_any(
        faiss::IOReader& from, std::vector<uint8_t> magic, int io_flags) {
    const bool in_place = (io_flags & kMapped) != 0;
    FAISS_THROW_IF_NOT_MSG(
            !in_place || dynamic_cast<MappedReader*>(&from) != nullptr,
            "BQQ: IO_FLAG_MMAP needs the path of a file");
    if (in_place) io_flags &= ~faiss::IO_FLAG_MMAP;
    const bool ours = is_ours(magic);
    Reader reader(from, std::move(magic), io_flags, in_place);
    if (!ours) return std::unique_ptr<faiss::Index>(faiss::read_index(&reader, io_flags));
    const ByteSource source = reader.source();
    (void)read_value<uint32_t>(source); // the magic number
    const auto version = read_value<uint32_t>(source);
    if (version < kFirstIndexVersion || version > kIndexVersion)
        throw FileError(
                "the file has version " + std::to_string(version) + ", this library reads " +
                std::to_string(kFirstIndexVersion) + " to " + std::to_string(kIndexVersion));
    reader.version = version;
    std::unique_ptr<faiss::Index> index = read_tagged(reader);
    const std::optional<uint64_t> digest = reader.digest();
    const auto stored = read_value<uint64_t>(source);
    if (digest && stored != *digest)
        throw FileError("the file is corrupt: its checksum does not fit");
    return index;
}

/// Comes before the reading, since FAISS allocates whatever sizes a file names.
void check_digest(const MappedFile& file) {
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

std::unique_ptr<faiss::Index> read_foreign(const std::string& path, int io_flags) {
    try {
        return std::unique_ptr<faiss::Index>(faiss::read_index(path.c_str(), io_flags));
    } catch (const faiss::FaissException& error) {
        if (std::string(error.what()).find("read error in") == std::string::npos) throw;
        throw FileError("the file is truncated");
    }
}

/// A file of ours is mapped while it is read. FAISS opens its own, how depends on the flags.
std::unique_ptr<faiss::Index> read_path(const std::string& path, int io_flags) {
    if (!std::filesystem::is_regular_file(path)) {
        faiss::FileIOReader reader(path.c_str());
        return read_any(reader, read_magic(reader), io_flags);
    }
    const auto file = std::make_shared<MappedFile>(path);
    MappedReader reader(path, file);
    std::vector<uint8_t> magic = read_magic(reader);
    if (!is_ours(magic)) return read_foreign(path, io_flags);
    if ((io_flags & kMapped) == 0) check_digest(*file);
    return read_any(reader, std::move(magic), io_flags);
}

/// Copies by writing and reading in memory: FAISS's indexes, and wrappers without their parts.
template <class Write, class Read>
auto copy_bytes(const Write& write, const Read& read) {
    faiss::VectorIOWriter to;
    Writer writer(to);
    write(writer);
    faiss::VectorIOReader from;
    from.data = std::move(to.data);
    // Two indexes must not write to one file of lists.
    Reader reader(from, {}, faiss::IO_FLAG_READ_ONLY);
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
        Writer writer(*to);
        writer.put(kMagic, sizeof kMagic);
        write_value(writer.sink(), kIndexVersion);
        write_tagged(index, writer);
        write_value(writer.sink(), writer.digest());
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
    return with_faiss_errors([&] { return read_any(*reader, read_magic(*reader), io_flags); });
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

std::unique_ptr<faiss::Index> clone_index(const faiss::Index* index) {
    return with_faiss_errors([&] {
        FAISS_THROW_IF_NOT_MSG(index != nullptr, "BQQ: clone_index() of a null index");
        return clone(*index);
    });
}

} // namespace bqq
