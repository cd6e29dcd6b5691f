#pragma once

#include "index/stream.h"

#include <faiss/Index.h>

#include <memory>

namespace bqq {

/** Writes the tag and the contents of an index and of its parts.
 * @throws Error, faiss::FaissException  for a class that cannot be written, or beyond kMaxNesting
 */
void write_tagged(const faiss::Index* index, Writer& writer);

/** Reads what write_tagged wrote.
 * @throws Error, faiss::FaissException  for what no index has, or beyond kMaxNesting
 */
std::unique_ptr<faiss::Index> read_tagged(Reader& reader);

} // namespace bqq
