#pragma once

#include "index/stream.h"

#include <bqq/index/IndexBQQ.h>
#include <bqq/index/IndexIVFBQQ.h>

#include <memory>

namespace bqq {

/// A feature that not every reader knows; a file names those that it has.
inline constexpr const char* kTiedAtoms = "tied atoms";

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

/// What belongs to an IndexBQQ and to an IndexIVFBQQ in a file, after their tags: docs/format.md.
void write_flat(const IndexBQQ& index, Writer& writer);
void write_ivf(const IndexIVFBQQ& index, Writer& writer);

/// @throws FileError  for values that no such index has
std::unique_ptr<faiss::Index> read_flat(Reader& reader);
std::unique_ptr<faiss::Index> read_ivf(Reader& reader);

/// A faiss::IndexFlat whose numbers have no more than sixteen bits, as write_ivf writes centroids.
std::unique_ptr<faiss::Index> read_flat_bfloat16(Reader& reader);

} // namespace bqq
