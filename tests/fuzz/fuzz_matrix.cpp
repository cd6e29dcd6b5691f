// Compressed matrices, with right digests.
#include "failing_allocator.h"
#include "fuzz/index_file.h"
#include "io/digest.h"

#include <bqq/error.h>
#include <bqq/matrix_codec.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const int descriptor = ::memfd_create("matrix", 0);
    static const std::string path = "/proc/self/fd/" + std::to_string(descriptor);
    bqq::test::Bytes file(data, data + size);
    if (size >= 16) {
        bqq::Digest digest;
        digest.update(file.data(), size - 8);
        const uint64_t value = digest.value();
        std::memcpy(file.data() + size - 8, &value, sizeof value);
    }
    if (::ftruncate(descriptor, 0) != 0 || ::pwrite(descriptor, file.data(), size, 0) < 0)
        std::abort();
    try {
        const bqq::test::AllocatedBytes allocated(bqq::test::allowed_bytes(size));
        const bqq::MatrixCodec codec = bqq::MatrixCodec::load(path);
        if (codec.rows() * codec.cols() > 1 << 16) return 0;
        (void)codec.reconstruct();
        std::vector<float> y(codec.rows());
        codec.multiply(std::vector<float>(codec.cols(), 1.0f), y);
    } catch (const bqq::FileError&) {
    } // a lack of memory is a finding
    return 0;
}
