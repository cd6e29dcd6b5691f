#include <bqq/index/index_io.h>

#include "index/faiss_errors.h"
#include "io/atomic_file.h"
#include "index/index_parts.h"
#include "index/index_reader.h"
#include "index/index_writer.h"

#include <faiss/impl/FaissAssert.h>
#include <faiss/index_io.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace bqq {

namespace {

// A file is a magic number, a version, an index and the XXH3 digest of all before it. An index is a tag
// and what belongs to it; wrappers hold the index inside them.
constexpr char kMagic[4] = {'B', 'Q', 'Q', 'X'};
// What distinguishes FAISS's IO_FLAG_MMAP from IO_FLAG_SKIP_IVF_DATA, which is part of it.
constexpr int kMapped = faiss::IO_FLAG_MMAP & ~faiss::IO_FLAG_SKIP_IVF_DATA;

/// The first bytes, as many as the magic number has.
std::vector<uint8_t> read_magic(faiss::IOReader& from) {
    std::vector<uint8_t> bytes(sizeof kMagic);
    bytes.resize(from(bytes.data(), 1, bytes.size()));
    return bytes;
}

bool is_ours(const std::vector<uint8_t>& magic) {
    return magic.size() == sizeof kMagic && std::memcmp(magic.data(), kMagic, sizeof kMagic) == 0;
}

bool is_ours(const std::string& path) {
    faiss::FileIOReader file(path.c_str());
    return is_ours(read_magic(file));
}

std::unique_ptr<faiss::Index> read_any(faiss::IOReader& from, int io_flags) {
    std::vector<uint8_t> magic = read_magic(from);
    const bool ours = is_ours(magic);
    Reader reader(from, std::move(magic), io_flags & ~faiss::IO_FLAG_MMAP);
    if (!ours) return std::unique_ptr<faiss::Index>(faiss::read_index(&reader, reader.io_flags));
    const ByteSource source = reader.source();
    (void)read_value<uint32_t>(source); // the magic number
    const auto version = read_value<uint32_t>(source);
    if (version < kFirstIndexVersion || version > kIndexVersion)
        throw std::runtime_error(
                "the file has version " + std::to_string(version) + ", this library reads " +
                std::to_string(kFirstIndexVersion) + " to " + std::to_string(kIndexVersion));
    reader.version = version;
    std::unique_ptr<faiss::Index> index = read_tagged(reader);
    const uint64_t digest = reader.digest();
    if (read_value<uint64_t>(source) != digest && !reader.left_in_place())
        throw std::runtime_error("the file is corrupt: its checksum does not fit");
    return index;
}

/// Refuses a corrupt file of ours before its sizes are believed: FAISS's reader asks for any amount of memory.
void check_digest(const std::string& path) {
    faiss::FileIOReader file(path.c_str());
    Digest digest;
    std::vector<uint8_t> bytes(size_t{1} << 20);
    size_t held = 0; // at the front of bytes: what may be the digest at the end
    while (const size_t got = file(bytes.data() + held, 1, bytes.size() - held)) {
        const size_t size = held + got;
        held = std::min(size, sizeof(uint64_t));
        digest.update(bytes.data(), size - held);
        std::memmove(bytes.data(), bytes.data() + size - held, held);
    }
    uint64_t stored = 0;
    std::memcpy(&stored, bytes.data(), held);
    if (held != sizeof stored || stored != digest.value())
        throw std::runtime_error("the file is truncated or corrupt: its checksum does not fit");
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

faiss::Index* read_index(faiss::IOReader* reader, int io_flags) {
    return with_faiss_errors([&] {
        FAISS_THROW_IF_NOT_MSG(
                (io_flags & kMapped) == 0, "BQQ: IO_FLAG_MMAP needs a path to read from");
        return read_any(*reader, io_flags).release();
    });
}

faiss::Index* read_index(const std::string& path, int io_flags) {
    try {
        const bool regular = std::filesystem::is_regular_file(path);
        const bool mapped = (io_flags & kMapped) != 0;
        if (mapped && !is_ours(path)) return faiss::read_index(path.c_str(), io_flags);
        if (mapped) {
            MappedReader reader(path, std::make_shared<MappedFile>(path));
            return read_any(reader, io_flags).release();
        }
        if (regular && is_ours(path)) check_digest(path);
        faiss::FileIOReader reader(path.c_str());
        return read_any(reader, io_flags).release();
    } catch (const std::exception& error) {
        throw faiss::FaissException("cannot read " + path + ": " + error.what());
    }
}

faiss::Index* clone_index(const faiss::Index* index) {
    faiss::VectorIOWriter writer;
    bqq::write_index(index, &writer);
    faiss::VectorIOReader reader;
    reader.data = std::move(writer.data);
    return bqq::read_index(&reader);
}

} // namespace bqq
