#include <bqq/index_io.h>

#include <bqq/IndexBQQ.h>

#include "faiss_errors.h"
#include "formats/atomic_file.h"
#include "formats/digest.h"
#include "formats/quantizer_file.h"
#include "index_parts.h"

#include <faiss/IndexFlat.h>
#include <faiss/IndexIDMap.h>
#include <faiss/IndexPreTransform.h>
#include <faiss/IndexRefine.h>
#include <faiss/VectorTransform.h>
#include <faiss/impl/FaissAssert.h>
#include <faiss/index_io.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <typeinfo>
#include <vector>

namespace bqq {

namespace {

// A file is a magic number, a version, an index and the XXH3 digest of all before it. An index is a tag
// and what belongs to it; wrappers hold the index inside them.
constexpr char kMagic[4] = {'B', 'Q', 'Q', 'X'};
constexpr uint32_t kVersion = 1;
constexpr idx_t kBatch = 8192; // codes that are copied out of their blocks at a time

enum class Tag : uint8_t {
    faiss = 0,
    flat_codes = 1,
    pre_transform = 2,
    id_map = 3,
    id_map2 = 4,
    refine = 5,
    refine_flat = 6
};

/// Hands bytes on to FAISS's writer and keeps their digest.
class Writer : public faiss::IOWriter {
public:
    explicit Writer(faiss::IOWriter& to) : to_(to) { name = to.name; }

    size_t operator()(const void* bytes, size_t size, size_t count) override {
        digest_.update(bytes, size * count);
        return to_(bytes, size, count);
    }
    void put(const void* bytes, size_t size) {
        if (size != 0 && (*this)(bytes, 1, size) != size)
            throw std::runtime_error("cannot write an index to " + name);
    }
    ByteSink sink() {
        return [this](const void* bytes, size_t size) { put(bytes, size); };
    }
    uint64_t digest() const { return digest_.value(); }

private:
    faiss::IOWriter& to_;
    Digest digest_;
};

/// Takes bytes from FAISS's reader and keeps their digest. The first bytes may have been read already.
class Reader : public faiss::IOReader {
public:
    Reader(faiss::IOReader& from, std::vector<uint8_t> ahead)
            : from_(from), ahead_(std::move(ahead)) {
        name = from.name;
    }

    size_t operator()(void* bytes, size_t size, size_t count) override {
        const size_t wanted = size * count;
        const size_t first = std::min(wanted, ahead_.size() - used_);
        if (first != 0) std::memcpy(bytes, ahead_.data() + used_, first);
        used_ += first;
        size_t got = first;
        if (got < wanted) got += from_(static_cast<uint8_t*>(bytes) + got, 1, wanted - got);
        digest_.update(bytes, got);
        return size == 0 ? 0 : got / size;
    }
    ByteSource source() {
        return [this](void* bytes, size_t size) {
            if (size != 0 && (*this)(bytes, 1, size) != size)
                throw std::runtime_error("the file is truncated");
        };
    }
    uint64_t digest() const { return digest_.value(); }

private:
    faiss::IOReader& from_;
    std::vector<uint8_t> ahead_;
    size_t used_ = 0;
    Digest digest_;
};

void write_tagged(const faiss::Index* index, Writer& writer);

void write_codes(const IndexBQQ& index, const ByteSink& sink) {
    write_quantizer(index.bqq, sink);
    write_value(sink, index.ntotal);
    std::vector<uint8_t> codes(
            static_cast<size_t>(std::min(index.ntotal, kBatch)) * index.bqq.code_size);
    for (idx_t i = 0; i < index.ntotal; i += kBatch) {
        const idx_t count = std::min(kBatch, index.ntotal - i);
        index.get_codes(i, count, codes.data());
        sink(codes.data(), static_cast<size_t>(count) * index.bqq.code_size);
    }
}

/// Tag and contents; `Wrapper` fields that Index has beside d, ntotal and metric are written by hand.
void write_tagged(const faiss::Index* index, Writer& writer) {
    const ByteSink sink = writer.sink();
    if (!contains_bqq(index)) {
        write_value(sink, Tag::faiss);
        faiss::write_index(index, &writer);
    } else if (auto* ours = dynamic_cast<const IndexBQQ*>(index)) {
        write_value(sink, Tag::flat_codes);
        write_codes(*ours, sink);
    } else if (auto* transform = dynamic_cast<const faiss::IndexPreTransform*>(index)) {
        write_value(sink, Tag::pre_transform);
        write_value(sink, int32_t{transform->d});
        write_value(sink, static_cast<uint32_t>(transform->chain.size()));
        for (const faiss::VectorTransform* step : transform->chain)
            faiss::write_VectorTransform(step, &writer);
        write_tagged(transform->index, writer);
    } else if (auto* id_map = dynamic_cast<const faiss::IndexIDMap*>(index)) {
        const bool both_ways = dynamic_cast<const faiss::IndexIDMap2*>(index) != nullptr;
        write_value(sink, both_ways ? Tag::id_map2 : Tag::id_map);
        write_value(sink, static_cast<uint64_t>(id_map->id_map.size()));
        sink(id_map->id_map.data(), id_map->id_map.size() * sizeof(idx_t));
        write_tagged(id_map->index, writer);
    } else if (auto* refine = dynamic_cast<const faiss::IndexRefine*>(index)) {
        const bool flat = dynamic_cast<const faiss::IndexRefineFlat*>(index) != nullptr;
        write_value(sink, flat ? Tag::refine_flat : Tag::refine);
        write_value(sink, refine->k_factor);
        write_tagged(refine->base_index, writer);
        write_tagged(refine->refine_index, writer);
    } else {
        throw std::runtime_error(
                std::string("cannot write an index of class ") + typeid(*index).name());
    }
}

std::unique_ptr<faiss::Index> read_tagged(Reader& reader);

std::unique_ptr<IndexBQQ> read_codes(const ByteSource& source) {
    BinaryQuadraticQuantizer quantizer = read_quantizer(source);
    const auto metric =
            quantizer.metric == Metric::l2 ? faiss::METRIC_L2 : faiss::METRIC_INNER_PRODUCT;
    auto index = std::make_unique<IndexBQQ>(
            static_cast<idx_t>(quantizer.d), quantizer.M, metric, quantizer.depth);
    index->bqq = std::move(quantizer);
    index->is_trained = index->bqq.is_trained;
    const auto ntotal = read_value<idx_t>(source);
    if (ntotal < 0 || (ntotal > 0 && !index->is_trained))
        throw std::runtime_error("the index has ntotal = " + std::to_string(ntotal));
    for (idx_t i = 0; i < ntotal; i += kBatch) {
        const idx_t count = std::min(kBatch, ntotal - i);
        const auto codes = read_array<std::vector<uint8_t>>(
                source, static_cast<size_t>(count) * index->bqq.code_size);
        index->add_sa_codes(count, codes.data(), nullptr);
    }
    return index;
}

std::unique_ptr<faiss::Index> read_pre_transform(Reader& reader) {
    const ByteSource source = reader.source();
    const auto d = read_value<int32_t>(source);
    auto index = std::make_unique<faiss::IndexPreTransform>();
    index->own_fields = true;
    index->d = d;
    const auto steps = read_value<uint32_t>(source);
    for (uint32_t i = 0; i < steps; ++i)
        index->chain.push_back(faiss::read_VectorTransform(&reader));
    const int inner_d = steps == 0 ? d : index->chain.back()->d_out;
    index->index = read_tagged(reader).release();
    if (index->index->d != inner_d || (steps != 0 && index->chain.front()->d_in != d))
        throw std::runtime_error("the transforms and the index inside differ in dimension");
    index->ntotal = index->index->ntotal;
    index->metric_type = index->index->metric_type;
    index->is_trained = index->index->is_trained;
    for (const faiss::VectorTransform* step : index->chain)
        index->is_trained = index->is_trained && step->is_trained;
    return index;
}

std::unique_ptr<faiss::Index> read_id_map(Reader& reader, bool both_ways) {
    const ByteSource source = reader.source();
    const auto size = read_value<uint64_t>(source);
    auto ids = read_array<std::vector<idx_t>>(source, size);
    std::unique_ptr<faiss::Index> inner = read_tagged(reader);
    if (static_cast<uint64_t>(inner->ntotal) != size)
        throw std::runtime_error(
                "the id map has " + std::to_string(size) + " ids for " +
                std::to_string(inner->ntotal) + " vectors");
    // The constructor wants an empty index.
    std::unique_ptr<faiss::IndexIDMap> index;
    if (both_ways)
        index = std::make_unique<faiss::IndexIDMap2>();
    else
        index = std::make_unique<faiss::IndexIDMap>();
    index->d = inner->d;
    index->ntotal = inner->ntotal;
    index->metric_type = inner->metric_type;
    index->is_trained = inner->is_trained;
    index->id_map = std::move(ids);
    index->own_fields = true;
    index->index = inner.release();
    if (auto* map2 = dynamic_cast<faiss::IndexIDMap2*>(index.get())) map2->construct_rev_map();
    return index;
}

std::unique_ptr<faiss::Index> read_refine(Reader& reader, bool flat) {
    const auto k_factor = read_value<float>(reader.source());
    std::unique_ptr<faiss::Index> base = read_tagged(reader);
    std::unique_ptr<faiss::Index> refine = read_tagged(reader);
    if (base->d != refine->d || base->ntotal != refine->ntotal)
        throw std::runtime_error("the index and its refinement differ in size");
    std::unique_ptr<faiss::IndexRefine> index;
    if (flat)
        index = std::make_unique<faiss::IndexRefineFlat>();
    else
        index = std::make_unique<faiss::IndexRefine>();
    index->d = base->d;
    index->ntotal = base->ntotal;
    index->metric_type = base->metric_type;
    index->is_trained = base->is_trained && refine->is_trained;
    index->k_factor = k_factor;
    index->own_fields = true;
    index->own_refine_index = true;
    index->base_index = base.release();
    index->refine_index = refine.release();
    return index;
}

std::unique_ptr<faiss::Index> read_tagged(Reader& reader) {
    const auto tag = read_value<Tag>(reader.source());
    switch (tag) {
        case Tag::faiss:
            return std::unique_ptr<faiss::Index>(faiss::read_index(&reader));
        case Tag::flat_codes:
            return read_codes(reader.source());
        case Tag::pre_transform:
            return read_pre_transform(reader);
        case Tag::id_map:
        case Tag::id_map2:
            return read_id_map(reader, tag == Tag::id_map2);
        case Tag::refine:
        case Tag::refine_flat:
            return read_refine(reader, tag == Tag::refine_flat);
    }
    throw std::runtime_error("unknown kind of index " + std::to_string(static_cast<int>(tag)));
}

std::unique_ptr<faiss::Index> read_any(faiss::IOReader& from) {
    std::vector<uint8_t> magic(sizeof kMagic);
    magic.resize(from(magic.data(), 1, magic.size()));
    const bool ours =
            magic.size() == sizeof kMagic && std::memcmp(magic.data(), kMagic, sizeof kMagic) == 0;
    Reader reader(from, std::move(magic));
    if (!ours) return std::unique_ptr<faiss::Index>(faiss::read_index(&reader));
    const ByteSource source = reader.source();
    (void)read_value<uint32_t>(source); // the magic number
    const auto version = read_value<uint32_t>(source);
    if (version != kVersion)
        throw std::runtime_error(
                "the file has version " + std::to_string(version) + ", this library reads " +
                std::to_string(kVersion));
    std::unique_ptr<faiss::Index> index = read_tagged(reader);
    const uint64_t digest = reader.digest();
    if (read_value<uint64_t>(source) != digest)
        throw std::runtime_error("the file is corrupt: its checksum does not fit");
    return index;
}

/// Refuses a corrupt file before its sizes are believed: FAISS's reader asks for any amount of memory.
void check_digest(const std::string& path) {
    faiss::FileIOReader file(path.c_str());
    Digest digest;
    std::vector<uint8_t> bytes(size_t{1} << 20);
    size_t held = 0; // at the front of bytes: what may be the digest at the end
    bool first = true;
    while (const size_t got = file(bytes.data() + held, 1, bytes.size() - held)) {
        if (first && (got < sizeof kMagic || std::memcmp(bytes.data(), kMagic, sizeof kMagic) != 0))
            return; // FAISS's
        first = false;
        const size_t size = held + got;
        held = std::min(size, sizeof(uint64_t));
        digest.update(bytes.data(), size - held);
        std::memmove(bytes.data(), bytes.data() + size - held, held);
    }
    uint64_t stored = 0;
    std::memcpy(&stored, bytes.data(), held);
    if (!first && (held != sizeof stored || stored != digest.value()))
        throw std::runtime_error("the file is truncated or corrupt: its checksum does not fit");
}

} // namespace

void write_index(const faiss::Index* index, faiss::IOWriter* to) {
    with_faiss_errors([&] {
        if (!contains_bqq(index)) {
            faiss::write_index(index, to);
            return;
        }
        Writer writer(*to);
        writer.put(kMagic, sizeof kMagic);
        write_value(writer.sink(), kVersion);
        write_tagged(index, writer);
        write_value(writer.sink(), writer.digest());
    });
}

void write_index(const faiss::Index* index, const std::string& path) {
    with_faiss_errors([&] {
        write_atomically(path, [&](std::FILE* file) {
            faiss::FileIOWriter writer(file);
            writer.name = path;
            bqq::write_index(index, &writer);
        });
    });
}

faiss::Index* read_index(faiss::IOReader* reader) {
    return with_faiss_errors([&] { return read_any(*reader).release(); });
}

faiss::Index* read_index(const std::string& path) {
    try {
        if (std::filesystem::is_regular_file(path)) check_digest(path);
        faiss::FileIOReader reader(path.c_str());
        return read_any(reader).release();
    } catch (const std::exception& error) {
        throw faiss::FaissException("cannot read " + path + ": " + error.what());
    }
}

} // namespace bqq
