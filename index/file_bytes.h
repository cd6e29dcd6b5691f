#pragma once

#include <faiss/Index.h>

#include <cstddef>

namespace bqq {

/// Bytes of the file that write_index() would write.
size_t file_bytes(const faiss::Index& index);

} // namespace bqq
