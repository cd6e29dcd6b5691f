#include "index/index_reader.h"

#include "codec/bfloat16.h"
#include "index/interleaved_lists.h"
#include "index/index_tags.h"
#include "store/packed_ids.h"

#include <bqq/index/IndexBQQ.h>
#include <bqq/index/IndexIVFBQQ.h>

#include <faiss/IndexFlat.h>
#include <faiss/IndexHNSW.h>
#include <faiss/IndexIDMap.h>
#include <faiss/IndexPreTransform.h>
#include <faiss/IndexRefine.h>
#include <faiss/IndexReplicas.h>
#include <faiss/IndexShards.h>
#include <faiss/VectorTransform.h>
#include <faiss/index_io.h>
#include <faiss/invlists/OnDiskInvertedLists.h>

#include <algorithm>
#include <bit>
#include <filesystem>

namespace bqq {

namespace {

constexpr idx_t kBatch = 8192; // codes that are interleaved at a time
constexpr uint64_t kMaxLists = uint64_t{1} << 32;

template <class Vector>
Vector read_vector(const ByteSource& source) {
    const auto size = read_value<uint64_t>(source);
    return read_array<Vector>(source, size);
}

faiss::MetricType metric_of(const GroupedQuantizer& quantizer) {
    return quantizer.metric == Metric::l2 ? faiss::METRIC_L2 : faiss::METRIC_INNER_PRODUCT;
}

/// The groups of n vectors or lists, in as many bits as they need.
std::vector<uint8_t> read_group_numbers(const ByteSource& source, size_t n, size_t groups) {
    const unsigned width = group_width(groups);
    auto bytes = read_array<std::vector<uint8_t>>(source, PackedIdsView::bytes(n, width));
    bytes.resize(bytes.size() + PackedIdsView::kSlack);
    const PackedIdsView packed{bytes.data(), n, width};
    std::vector<uint8_t> of(n);
    for (size_t i = 0; i < n; ++i) {
        of[i] = static_cast<uint8_t>(packed[i]);
        if (of[i] >= groups)
            throw std::runtime_error(
                    "a vector or list of group " + std::to_string(of[i]) + ", there are " +
                    std::to_string(groups));
    }
    return of;
}

std::unique_ptr<faiss::Index> read_codes(const ByteSource& source) {
    GroupedQuantizer quantizer = read_groups(source);
    const size_t groups = quantizer.groups();
    auto index = std::make_unique<IndexBQQ>(
            static_cast<idx_t>(quantizer.d), quantizer.M, metric_of(quantizer),
            quantizer.wanted_depth, quantizer.wanted_groups);
    if (quantizer.is_trained) index->set_trained(std::move(quantizer));
    const auto ntotal = read_value<idx_t>(source);
    if (ntotal < 0 || (ntotal > 0 && !index->is_trained))
        throw std::runtime_error("the index has ntotal = " + std::to_string(ntotal));
    const size_t code_size = index->bqq.code_size;
    const size_t group_bytes = index->bqq.group_bytes();
    for (idx_t i = 0; i < ntotal; i += kBatch) {
        const auto count = static_cast<size_t>(std::min(kBatch, ntotal - i));
        std::vector<uint8_t> codes(count * code_size);
        if (group_bytes > 0) {
            const std::vector<uint8_t> of = read_group_numbers(source, count, groups);
            for (size_t r = 0; r < count; ++r) codes[r * code_size] = of[r];
        }
        const size_t size = code_size - group_bytes;
        const auto rows = read_array<std::vector<uint8_t>>(source, count * size);
        for (size_t r = 0; r < count; ++r)
            std::copy_n(rows.data() + r * size, size, codes.data() + r * code_size + group_bytes);
        index->add_sa_codes(static_cast<idx_t>(count), codes.data(), nullptr);
    }
    return index;
}

std::unique_ptr<faiss::Index> read_flat_bfloat16(const ByteSource& source) {
    const auto inner_product = read_value<uint8_t>(source);
    const auto d = read_value<int32_t>(source);
    const auto high = read_vector<std::vector<uint16_t>>(source);
    if (d <= 0 || high.size() % static_cast<size_t>(d) != 0)
        throw std::runtime_error(
                std::to_string(high.size()) + " numbers in vectors of dimension " +
                std::to_string(d));
    std::vector<float> x(high.size());
    for (size_t i = 0; i < x.size(); ++i) x[i] = from_bfloat16_bits(high[i]);
    std::unique_ptr<faiss::IndexFlat> index;
    if (inner_product != 0)
        index = std::make_unique<faiss::IndexFlatIP>(d);
    else
        index = std::make_unique<faiss::IndexFlatL2>(d);
    index->add(static_cast<idx_t>(x.size() / static_cast<size_t>(d)), x.data());
    return index;
}

/// Sizes of the lists as they follow in the file.
struct ListShape {
    uint32_t size;
    uint8_t id_width;
    size_t id_bytes() const { return PackedIdsView::bytes(size, id_width); }
};

std::unique_ptr<faiss::InvertedLists> read_interleaved(
        const std::vector<ListShape>& shapes, size_t code_size, Reader& reader) {
    auto lists = std::make_unique<InterleavedLists>(shapes.size(), code_size);
    const ByteSource source = reader.source();
    for (size_t i = 0; i < shapes.size(); ++i) {
        const InterleavedLists::Bytes bytes = lists->assign(i, shapes[i].size, shapes[i].id_width);
        source(bytes.codes, shapes[i].size * code_size);
        source(bytes.ids, shapes[i].id_bytes());
    }
    uint8_t slack[kernels::kSlack];
    source(slack, sizeof slack);
    return lists;
}

std::unique_ptr<faiss::InvertedLists> map_interleaved(
        const std::vector<ListShape>& shapes, size_t code_size, MappedReader& reader) {
    std::vector<MappedLists::List> lists;
    lists.reserve(shapes.size());
    for (const ListShape& shape : shapes) {
        const uint8_t* codes = reader.take(shape.size * code_size);
        const uint8_t* ids = reader.take(shape.id_bytes());
        lists.push_back(
                {{codes, shape.size, code_size}, {ids, shape.size, unsigned{shape.id_width}}});
    }
    (void)reader.take(kernels::kSlack);
    return std::make_unique<MappedLists>(code_size, reader.file(), std::move(lists));
}

/// Lists that FAISS reads, with the check that a file beside the index is whole.
std::unique_ptr<faiss::InvertedLists> read_faiss_lists(Reader& reader) {
    std::unique_ptr<faiss::InvertedLists> lists(
            faiss::read_InvertedLists(&reader, reader.io_flags));
    if (lists == nullptr) throw std::runtime_error("the index has no inverted lists");
    if (const auto* on_disk = dynamic_cast<const faiss::OnDiskInvertedLists*>(lists.get())) {
        const auto size = std::filesystem::file_size(on_disk->filename);
        if (size < on_disk->totsize)
            throw std::runtime_error(
                    "the list file " + on_disk->filename + " has " + std::to_string(size) +
                    " bytes, must have " + std::to_string(on_disk->totsize));
    }
    return lists;
}

/// The head of an inverted file: everything but its lists.
struct IVFHead {
    std::unique_ptr<IndexIVFBQQ> index;
    idx_t ntotal = 0;
    faiss::DirectMap::Type direct_map = faiss::DirectMap::NoMap;
    ListsTag lists = ListsTag::interleaved;
    std::vector<ListShape> shapes;
};

IVFHead read_ivf_head(Reader& reader) {
    const ByteSource source = reader.source();
    IVFHead head;
    GroupedQuantizer quantizer = read_groups(source);
    const auto centroid_scale = read_value<float>(source);
    const auto nlist = read_value<uint64_t>(source);
    const auto nprobe = read_value<uint64_t>(source);
    const auto max_codes = read_value<uint64_t>(source);
    const auto parallel_mode = read_value<int32_t>(source);
    const auto quantizer_trains_alone = read_value<char>(source);
    head.ntotal = read_value<idx_t>(source);
    head.direct_map = static_cast<faiss::DirectMap::Type>(read_value<uint8_t>(source));
    std::unique_ptr<faiss::Index> coarse = read_tagged(reader);
    if (nlist == 0 || nlist > kMaxLists || head.ntotal < 0)
        throw std::runtime_error(
                "the inverted file has nlist = " + std::to_string(nlist) +
                " and ntotal = " + std::to_string(head.ntotal));
    head.index = std::make_unique<IndexIVFBQQ>(
            coarse.get(), quantizer.d, nlist, quantizer.M, metric_of(quantizer),
            quantizer.wanted_depth, quantizer.wanted_groups);
    head.index->own_fields = true;
    (void)coarse.release();
    head.index->is_trained = quantizer.is_trained;
    head.index->bqq = std::move(quantizer);
    head.index->centroid_scale = centroid_scale;
    head.index->nprobe = nprobe;
    head.index->max_codes = max_codes;
    head.index->parallel_mode = parallel_mode;
    head.index->quantizer_trains_alone = quantizer_trains_alone;
    head.index->list_groups = read_group_numbers(source, nlist, head.index->bqq.groups());
    head.lists = read_value<ListsTag>(source);
    for (size_t i = 0; i < nlist && head.lists == ListsTag::interleaved; ++i) {
        ListShape shape{};
        shape.size = read_value<uint32_t>(source);
        shape.id_width = read_value<uint8_t>(source);
        if (shape.id_width > 64)
            throw std::runtime_error("ids of " + std::to_string(shape.id_width) + " bits");
        head.shapes.push_back(shape);
    }
    return head;
}

std::unique_ptr<faiss::Index> read_ivf(Reader& reader) {
    const ByteSource source = reader.source();
    faiss::VectorIOReader bytes;
    bytes.data = read_vector<std::vector<uint8_t>>(source);
    Digest digest;
    digest.update(bytes.data.data(), bytes.data.size());
    if (read_value<uint64_t>(source) != digest.value())
        throw std::runtime_error(
                "the file is corrupt: the checksum of an inverted file's head "
                "does not fit");
    bytes.name = reader.name;
    Reader head_reader(bytes, {}, reader.io_flags);
    IVFHead head = read_ivf_head(head_reader);

    std::unique_ptr<faiss::InvertedLists> lists;
    if (head.lists == ListsTag::faiss)
        lists = read_faiss_lists(reader);
    else if (MappedReader* mapped = reader.mapped())
        lists = map_interleaved(head.shapes, head.index->code_size, *mapped);
    else
        lists = read_interleaved(head.shapes, head.index->code_size, reader);
    IndexIVFBQQ& index = *head.index;
    index.replace_invlists(lists.get(), true);
    (void)lists.release();
    if (index.invlists->compute_ntotal() > static_cast<size_t>(head.ntotal))
        throw std::runtime_error(
                "the lists hold " + std::to_string(index.invlists->compute_ntotal()) +
                " vectors, the index " + std::to_string(head.ntotal));
    index.ntotal = head.ntotal;
    if (head.direct_map != faiss::DirectMap::NoMap) index.set_direct_map_type(head.direct_map);
    return std::move(head.index);
}

std::unique_ptr<faiss::Index> read_hnsw(Reader& reader) {
    const ByteSource source = reader.source();
    faiss::HNSW graph;
    graph.assign_probas = read_vector<decltype(graph.assign_probas)>(source);
    graph.cum_nneighbor_per_level = read_vector<decltype(graph.cum_nneighbor_per_level)>(source);
    graph.levels = read_vector<decltype(graph.levels)>(source);
    graph.offsets = read_vector<decltype(graph.offsets)>(source);
    graph.neighbors = read_vector<decltype(graph.neighbors)>(source);
    graph.entry_point = read_value<int32_t>(source);
    graph.max_level = read_value<int32_t>(source);
    graph.efConstruction = read_value<int32_t>(source);
    graph.efSearch = read_value<int32_t>(source);
    std::unique_ptr<faiss::Index> storage = read_tagged(reader);
    if (graph.levels.size() != static_cast<size_t>(storage->ntotal) ||
        graph.offsets.size() != graph.levels.size() + 1)
        throw std::runtime_error(
                "a graph of " + std::to_string(graph.levels.size()) + " vectors over " +
                std::to_string(storage->ntotal));
    auto index = std::make_unique<faiss::IndexHNSW>(storage.get(), 32);
    index->own_fields = true;
    (void)storage.release();
    BQQ_SINCE_FAISS_1_8(graph.is_similarity = index->hnsw.is_similarity;)
    index->hnsw = std::move(graph);
    index->ntotal = index->storage->ntotal;
    index->is_trained = index->storage->is_trained;
    return index;
}

template <class Threaded>
std::unique_ptr<Threaded> read_threaded(Reader& reader) {
    const auto count = read_value<uint32_t>(reader.source());
    auto index = std::make_unique<Threaded>();
    for (uint32_t i = 0; i < count; ++i) {
        std::unique_ptr<faiss::Index> part = read_tagged(reader);
        index->addIndex(part.get());
        (void)part.release();
    }
    own_parts(*index);
    return index;
}

std::unique_ptr<faiss::Index> read_shards(Reader& reader) {
    auto index = read_threaded<faiss::IndexShards>(reader);
    index->successive_ids = read_value<uint8_t>(reader.source()) != 0;
    index->syncWithSubIndexes();
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
    auto ids = read_vector<std::vector<idx_t>>(reader.source());
    std::unique_ptr<faiss::Index> inner = read_tagged(reader);
    if (static_cast<size_t>(inner->ntotal) != ids.size())
        throw std::runtime_error(
                "the id map has " + std::to_string(ids.size()) + " ids for " +
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

} // namespace

std::unique_ptr<faiss::Index> read_tagged(Reader& reader) {
    const auto tag = read_value<IndexTag>(reader.source());
    switch (tag) {
        case IndexTag::faiss:
            return std::unique_ptr<faiss::Index>(faiss::read_index(&reader, reader.io_flags));
        case IndexTag::flat_codes:
            return read_codes(reader.source());
        case IndexTag::pre_transform:
            return read_pre_transform(reader);
        case IndexTag::id_map:
        case IndexTag::id_map2:
            return read_id_map(reader, tag == IndexTag::id_map2);
        case IndexTag::refine:
        case IndexTag::refine_flat:
            return read_refine(reader, tag == IndexTag::refine_flat);
        case IndexTag::ivf:
            return read_ivf(reader);
        case IndexTag::hnsw:
            return read_hnsw(reader);
        case IndexTag::shards:
            return read_shards(reader);
        case IndexTag::replicas:
            return read_threaded<faiss::IndexReplicas>(reader);
        case IndexTag::flat_bfloat16:
            return read_flat_bfloat16(reader.source());
    }
    throw std::runtime_error("unknown kind of index " + std::to_string(static_cast<int>(tag)));
}

} // namespace bqq
