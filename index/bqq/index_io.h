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
 * @throws faiss::FaissException  for a missing, truncated, corrupt or foreign file; the message names it
 */
faiss::Index* read_index(const std::string& path);
faiss::Index* read_index(faiss::IOReader* reader);

} // namespace bqq
