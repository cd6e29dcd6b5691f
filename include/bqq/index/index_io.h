#pragma once

#include <faiss/Index.h>
#include <faiss/impl/io.h>

#include <memory>
#include <string>

namespace bqq {

/** Writes any index: ours, FAISS's, and FAISS's wrappers around ours. A file is first written under
 * another name in the same folder and then renamed, so that `path` is either whole or as it was.
 * @throws faiss::FaissException  when the index cannot be written, or the file (disk full, no
 * permission)
 */
void write_index(const faiss::Index* index, const std::string& path);
void write_index(const faiss::Index* index, faiss::IOWriter* writer);

/** Reads what write_index wrote, here or in FAISS.
 * @param io_flags  FAISS's. IO_FLAG_MMAP leaves codes and ids in the file, mapped and read-only;
 * the checksum of these is then not looked at. All flags hold for what is FAISS's, such as
 *                  IO_FLAG_READ_ONLY and IO_FLAG_ONDISK_SAME_DIR for on-disk lists.
 * @throws faiss::FaissException  for a missing, truncated, corrupt or foreign file; the message
 * names it
 */
std::unique_ptr<faiss::Index> read_index(const std::string& path, int io_flags = 0);
std::unique_ptr<faiss::Index> read_index(faiss::IOReader* reader, int io_flags = 0);

/** A copy that shares nothing, of any index that can be written. Lists of codes in a file become
 * lists in memory, but for those of FAISS's own inverted files: these are mapped once more,
 * read-only.
 * @throws faiss::FaissException  when the index cannot be written
 */
std::unique_ptr<faiss::Index> clone_index(const faiss::Index* index);

} // namespace bqq
