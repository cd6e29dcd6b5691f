#include "fuzz/index_file.h"

#include "failing_allocator.h"
#include "io/digest.h"

#include <bqq/index/IndexBQQ.h>
#include <bqq/index/index_io.h>
#include <faiss/impl/AuxIndexStructures.h>
#include <faiss/impl/FaissException.h>
#include <faiss/impl/IDSelector.h>
#include <faiss/impl/io.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <memory>
#include <stdexcept>

namespace bqq::test {

namespace {

constexpr size_t kDigest = sizeof(uint64_t);

/// @return  false beyond the end
bool read_varint(const Bytes& file, size_t& at, uint64_t& value) {
    value = 0;
    for (unsigned shift = 0; shift < 64 && at < file.size(); shift += 7) {
        const uint8_t byte = file[at++];
        value |= uint64_t{byte & 127u} << shift;
        if (byte < 128) return true;
    }
    return false;
}

void put_digest(Bytes& file, size_t begin, size_t end) {
    Digest digest;
    digest.update(file.data() + begin, end - begin);
    const uint64_t value = digest.value();
    std::memcpy(file.data() + end, &value, sizeof value);
}

/// What a call throws as FAISS's exception, or for want of memory, it may.
void attempt(const std::function<void()>& call) {
    try {
        call();
    } catch (const faiss::FaissException&) {
    }
}

void check_results(const std::vector<float>& distances, const char* of) {
    if (std::any_of(distances.begin(), distances.end(), [](float x) { return std::isnan(x); }))
        throw std::runtime_error(std::string(of) + " gives a distance that is no number");
}

void use(faiss::Index& index) {
    constexpr idx_t kQueries = 3, kNeighbours = 5;
    // Of a dimension that would take the memory of large files, only a part is tried.
    if (index.d > 1 << 16) return;
    const auto d = static_cast<size_t>(index.d);
    std::vector<float> x(kQueries * d);
    for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i * 37 % 101) / 50 - 1;
    std::vector<float> distances(kQueries * kNeighbours);
    std::vector<idx_t> labels(distances.size());
    const auto search = [&] {
        index.search(kQueries, x.data(), kNeighbours, distances.data(), labels.data());
        check_results(distances, "search()");
    };
    attempt(search);
    attempt([&] {
        faiss::RangeSearchResult result(kQueries);
        index.range_search(kQueries, x.data(), 1, &result);
    });
    attempt([&] {
        std::vector<float> decoded(d);
        for (const idx_t label : labels)
            if (label >= 0) index.reconstruct(label, decoded.data());
    });
    attempt([&] { (void)bqq::clone_index(&index); });
    attempt([&] {
        faiss::VectorIOWriter writer;
        bqq::write_index(&index, &writer);
    });
    attempt([&] { index.add(kQueries, x.data()); });
    attempt([&] {
        const std::vector<idx_t> ids = {7, 1000, 8};
        index.add_with_ids(kQueries, x.data(), ids.data());
    });
    attempt(search);
    attempt([&] { index.remove_ids(faiss::IDSelectorRange(1, 3)); });
    attempt(search);
    attempt([&] { index.reset(); });
}

bool read_and_use(const std::function<std::unique_ptr<faiss::Index>()>& read, size_t size) {
    std::unique_ptr<faiss::Index> index;
    {
        const AllocatedBytes allocated(allowed_bytes(size));
        try {
            index = read();
        } catch (const faiss::FaissException&) {
        } catch (const std::bad_alloc&) {
            throw std::runtime_error(
                    "reading " + std::to_string(size) + " bytes takes more than " +
                    std::to_string(allowed_bytes(size)));
        }
    }
    if (index == nullptr) return false;
    use(*index);
    return true;
}

} // namespace

void repair_digests(Bytes& file) {
    constexpr size_t kVersion = 4; // where it stands
    if (file.size() < 8 + kDigest) return;
    size_t at = 8;
    uint64_t features = 0, head = 0;
    if (file[kVersion] != 8) { // the heads of their indexes stay as they are
        put_digest(file, 0, file.size() - kDigest);
        return;
    }
    if (!read_varint(file, at, features)) return;
    for (; features > 0 && at < file.size(); --features) at += 1 + size_t{file[at]};
    if (!read_varint(file, at, head)) return;
    if (head <= file.size() - at && file.size() - at - head >= 2 * kDigest)
        put_digest(file, at, at + head);
    put_digest(file, 0, file.size() - kDigest);
}

bool read_and_use(const Bytes& file) {
    faiss::VectorIOReader reader;
    reader.data = file;
    return read_and_use([&] { return bqq::read_index(&reader); }, file.size());
}

bool read_and_use(const std::string& path, int flags, size_t size) {
    return read_and_use([&] { return bqq::read_index(path, flags); }, size);
}

} // namespace bqq::test
