#pragma once

#include <bqq/export.h>
#include <faiss/Index.h>
#include <faiss/impl/io.h>

#include <memory>
#include <string>

namespace bqq {

/** Writes an index of ours, of FAISS's, or of FAISS's around ours. The file is written under
 * another name in the same folder and then renamed: on an error, `path` is as it was.
 * @throws faiss::FaissException  if the index has no form in a file (such as IndexIDMap over an
 *                                inverted file: use that one) or the file cannot be written
 */
BQQ_API void write_index(const faiss::Index* index, const std::string& path);
BQQ_API void write_index(const faiss::Index* index, faiss::IOWriter* writer);

/** Reads what bqq::write_index or faiss::write_index wrote.
 * @param io_flags  FAISS's flags. IO_FLAG_MMAP leaves the lists of our indexes in the file, mapped
 *                  and read-only; these lists, and only they, are then not verified. The other
 *                  flags hold for what FAISS reads: IO_FLAG_READ_ONLY and IO_FLAG_ONDISK_SAME_DIR
 *                  for on-disk lists, ...
 * @throws faiss::FaissException  for a missing, truncated, corrupt or foreign file, named by the
 *                                message
 * @throws std::bad_alloc         if memory is too small
 */
BQQ_API std::unique_ptr<faiss::Index> read_index(const std::string& path, int io_flags = 0);
BQQ_API std::unique_ptr<faiss::Index> read_index(faiss::IOReader* reader, int io_flags = 0);

/** Checks a whole file as read_index() does without IO_FLAG_MMAP, but holds no codes in memory.
 * @throws faiss::FaissException  for a missing, truncated, corrupt or foreign file, named by the
 *                                message
 */
BQQ_API void verify_index(const std::string& path);

/** A copy that shares nothing with the index. Lists of ours that are mapped or on disk are in
 * memory in the copy; on-disk lists of FAISS's own inverted files are mapped once more, read-only.
 * @throws faiss::FaissException  for an index that write_index refuses
 */
BQQ_API std::unique_ptr<faiss::Index> clone_index(const faiss::Index* index);

} // namespace bqq
