#pragma once

#include <faiss/Index.h>

#include <cstdint>
#include <string>
#include <vector>

namespace bqq::test {

using Bytes = std::vector<uint8_t>;

/// Puts right digests into what has the form of an index file, as someone who means harm would; of
/// versions before 8 only that of the file. Other bytes stay as they are.
void repair_digests(Bytes& file);

/** Reads an index file as a stream and does with the index whatever a user may: searches of both
 * kinds, decoding, adding, removing, writing, cloning.
 * @return  whether it could be read
 * @throws std::runtime_error  for a wrong answer: NaN, or a label that cannot be
 */
bool read_and_use(const Bytes& file);
/// Likewise, by path. @param flags  of read_index(); @param size  of the file
bool read_and_use(const std::string& path, int flags, size_t size);

/// Bytes that reading a file of this size may take.
inline size_t allowed_bytes(size_t file_size) {
    return 4 * file_size + (size_t{16} << 20);
}

} // namespace bqq::test
