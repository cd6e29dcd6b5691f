#pragma once

#include "index/stream.h"

#include <faiss/Index.h>

namespace bqq {

/** Writes tag and contents of an index, and of those inside it.
 * @throws std::runtime_error  for a class that cannot be written
 */
void write_tagged(const faiss::Index* index, Writer& writer);

} // namespace bqq
