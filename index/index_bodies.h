#pragma once

#include "index/stream.h"

#include <bqq/index/IndexBQQ.h>
#include <bqq/index/IndexIVFBQQ.h>

#include <memory>

namespace bqq {

/// A feature that not every reader knows; a file names those that it has.
inline constexpr const char* kTiedAtoms = "tied atoms";

/// What belongs to an IndexBQQ and to an IndexIVFBQQ in a file, after their tags: docs/format.md.
void write_flat(const IndexBQQ& index, Writer& writer);
void write_ivf(const IndexIVFBQQ& index, Writer& writer);

/// @throws FileError  for values that no such index has
std::unique_ptr<faiss::Index> read_flat(Reader& reader);
std::unique_ptr<faiss::Index> read_ivf(Reader& reader);

/// A faiss::IndexFlat whose numbers have no more than sixteen bits, as write_ivf writes centroids.
std::unique_ptr<faiss::Index> read_flat_bfloat16(Reader& reader);

} // namespace bqq
