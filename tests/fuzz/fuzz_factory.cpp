// Factory strings.
#include <bqq/index/index_factory.h>
#include <bqq/index/index_io.h>
#include <faiss/impl/FaissException.h>

#include <cstdint>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string description(reinterpret_cast<const char*>(data), size);
    try {
        const auto index = bqq::index_factory(24, description);
        (void)bqq::reverse_index_factory(index.get());
    } catch (const faiss::FaissException&) {
    }
    return 0;
}
