#pragma once

#include <faiss/Index.h>
#include <faiss/impl/io.h>

#include <string>

namespace bqq {

/** Writes any index: ours, FAISS's, and FAISS's wrappers around ours. A file is first written beside
 * `path` and then renamed, so that `path` is either whole or as it was.
 * @throws faiss::FaissException  when the index cannot be written, or the file (disk full, no permission)
 */
void write_index(const faiss::Index* index, const std::string& path);
void write_index(const faiss::Index* index, faiss::IOWriter* writer);

/** Reads what write_index wrote, here or in FAISS. The caller owns the index.
 * @param io_flags  FAISS's: IO_FLAG_MMAP leaves inverted lists in the file, mapped and read-only (their checksum
 *                  is then not looked at); IO_FLAG_ONDISK_SAME_DIR finds on-disk lists beside the index
 * @throws faiss::FaissException  for a missing, truncated, corrupt or foreign file; the message names it
 */
faiss::Index* read_index(const std::string& path, int io_flags = 0);
faiss::Index* read_index(faiss::IOReader* reader, int io_flags = 0);

/// A copy that shares nothing, of any index that can be written. The caller owns it.
faiss::Index* clone_index(const faiss::Index* index);

} // namespace bqq
