#pragma once

#include "index/stream.h"

#include <faiss/Index.h>

#include <memory>

namespace bqq {

/// Wrappers and coarse quantizers may lie inside each other so deep.
inline constexpr int kMaxNesting = 16;

/** Writes tag and contents of an index, and of those inside it.
 * @throws FileError  for a class that cannot be written, or an index that is nested too deep
 */
void write_tagged(const faiss::Index* index, Writer& writer);

/** Reads what write_tagged wrote.
 * @throws Error, faiss::FaissException  for what no index can be
 */
std::unique_ptr<faiss::Index> read_tagged(Reader& reader);

} // namespace bqq
