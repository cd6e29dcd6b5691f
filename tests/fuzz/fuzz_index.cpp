// Index files, as a stream and by path, mapped too. Digests are put right, so that what they guard
// is reached.
#include "fuzz/index_file.h"

#include <faiss/index_io.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

/// Changes bytes anywhere, in the head alone, or the version; the head's size follows.
extern "C" size_t LLVMFuzzerCustomMutator(
        uint8_t* data, size_t size, size_t max_size, unsigned seed) {
    // The magic number, version 8, no features, the size of the head in two bytes.
    constexpr size_t kHead = 4 + 4 + 1 + 2;
    const size_t head_size = size > kHead ? (data[9] & 127u) + 128u * data[10] : size_t{0};
    if (seed % 4 == 0 || size <= kHead + head_size || data[8] != 0 || data[9] < 128 ||
        data[10] >= 128) {
        size = LLVMFuzzerMutate(data, size, max_size);
    } else {
        bqq::test::Bytes head(data + kHead, data + kHead + head_size);
        const bqq::test::Bytes rest(data + kHead + head_size, data + size);
        const size_t most = std::min<size_t>(max_size - kHead - rest.size(), (1 << 14) - 1);
        head.resize(std::max(most, head.size()));
        const size_t changed =
                LLVMFuzzerMutate(head.data(), head_size, std::min(most, head.size()));
        head.resize(changed);
        data[9] = static_cast<uint8_t>(changed | 128);
        data[10] = static_cast<uint8_t>(changed >> 7);
        std::copy(head.begin(), head.end(), data + kHead);
        std::copy(rest.begin(), rest.end(), data + kHead + changed);
        size = kHead + changed + rest.size();
    }
    bqq::test::Bytes file(data, data + size);
    bqq::test::repair_digests(file);
    std::copy(file.begin(), file.end(), data);
    return size;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    // In memory, but with a path.
    static const int descriptor = ::memfd_create("index", 0);
    static const std::string path = "/proc/self/fd/" + std::to_string(descriptor);
    try {
        (void)bqq::test::read_and_use(bqq::test::Bytes(data, data + size));
        if (::ftruncate(descriptor, 0) != 0 || ::pwrite(descriptor, data, size, 0) < 0)
            std::abort();
        for (const int flags : {0, int{faiss::IO_FLAG_MMAP}})
            (void)bqq::test::read_and_use(path, flags, size);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        std::abort();
    }
    return 0;
}
