#pragma once

#include <bqq/index/index_io.h>
#include <faiss/Index.h>
#include <faiss/impl/io.h>

#include <memory>
#include <string>

namespace bqq::test {

/// The file of an index.
inline std::string to_bytes(const faiss::Index& index) {
    faiss::VectorIOWriter writer;
    bqq::write_index(&index, &writer);
    return {writer.data.begin(), writer.data.end()};
}

inline std::unique_ptr<faiss::Index> from_bytes(const std::string& bytes) {
    faiss::VectorIOReader reader;
    reader.data.assign(bytes.begin(), bytes.end());
    return bqq::read_index(&reader);
}

} // namespace bqq::test
