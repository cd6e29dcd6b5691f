#include "index/file_bytes.h"

#include <bqq/index/index_io.h>
#include <faiss/impl/io.h>

namespace bqq {

size_t file_bytes(const faiss::Index& index) {
    struct Counter : faiss::IOWriter {
        size_t bytes = 0;
        size_t operator()(const void*, size_t size, size_t count) override {
            bytes += size * count;
            return count;
        }
    } counter;
    bqq::write_index(&index, &counter);
    return counter.bytes;
}

} // namespace bqq
