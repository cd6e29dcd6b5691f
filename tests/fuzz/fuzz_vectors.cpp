// Files of vectors. The first byte says of which format. HDF5 is left out: libhdf5 reads it, and
// damaged files can end the process there.
#include "io/vector_file.h"

#include <bqq/error.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const int descriptor = ::memfd_create("vectors", 0);
    static const std::string path = "/proc/self/fd/" + std::to_string(descriptor);
    static const char* const formats[] = {"npy",  "npz",   "fvecs", "bvecs", "ivecs", "fbin",
                                          "ibin", "u8bin", "i8bin", "csv",   "tsv",   "raw"};
    if (size == 0) return 0;
    if (::ftruncate(descriptor, 0) != 0 || ::pwrite(descriptor, data + 1, size - 1, 0) < 0)
        std::abort();
    bqq::FileHints hints;
    hints.format = formats[data[0] % std::size(formats)];
    if (hints.format == "raw") {
        hints.dtype = "float32";
        hints.dim = 3;
    }
    try {
        bqq::VectorFile file(path, hints);
        // Rows that are not there cannot be large either.
        if (file.d() > 1 << 20) return 0;
        const size_t rows = std::min<size_t>(file.n(), 1000);
        if (rows * file.d() <= 1 << 20) (void)file.matrix<float>(rows);
    } catch (const bqq::Error&) {
    }
    try {
        (void)bqq::VectorFile(path, hints).matrix<int64_t>(10);
    } catch (const bqq::Error&) {
    }
    return 0;
}
