#pragma once

#include "index/stream.h"

#include <faiss/Index.h>

#include <memory>

namespace bqq {

/** Reads what write_tagged wrote.
 * @throws std::runtime_error, faiss::FaissException  for what no index can be
 */
std::unique_ptr<faiss::Index> read_tagged(Reader& reader);

} // namespace bqq
