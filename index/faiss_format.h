#pragma once

#include "index/stream.h"

#include <faiss/Index.h>
#include <faiss/VectorTransform.h>
#include <faiss/invlists/InvertedLists.h>

#include <memory>

namespace bqq {

// FAISS's readers allocate whatever sizes a file names and believe what it says of enumerators and
// positions. So a file's bytes are first gone through here, without any allocation for bytes that
// are not there; then FAISS reads them.

/// Whether the next bytes begin as an index of a kind that is known here; then all of it has been
/// checked, and the reader is after it.
/// @throws FileError  for an index of such a kind that is truncated or not as FAISS writes it
bool is_faiss_index(Reader& reader);

/// @throws FileError  for an index of a kind that is not known here, or one that FAISS cannot read
std::unique_ptr<faiss::Index> read_faiss_index(Reader& reader);
/// @throws Error  for an index of a class that read_faiss_index() does not know
void write_faiss_index(const faiss::Index& index, Writer& writer);

/// @throws FileError  likewise
std::unique_ptr<faiss::VectorTransform> read_transform(Reader& reader);

/// @throws FileError  likewise, and for lists of another form, or in a file that is too short
std::unique_ptr<faiss::InvertedLists> read_faiss_lists(
        Reader& reader, size_t nlist, size_t code_size);

} // namespace bqq
