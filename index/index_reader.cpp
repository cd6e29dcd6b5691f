#include "index/index_reader.h"

#include "index/index_bodies.h"
#include "index/index_tags.h"

#include <bqq/index/IndexBQQ.h>
#include <bqq/index/IndexIVFBQQ.h>

#include <faiss/IndexHNSW.h>
#include <faiss/IndexIDMap.h>
#include <faiss/IndexPreTransform.h>
#include <faiss/IndexRefine.h>
#include <faiss/IndexReplicas.h>
#include <faiss/IndexShards.h>
#include <faiss/VectorTransform.h>
#include <faiss/index_io.h>

#include <string>

namespace bqq {

namespace {

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
            return read_flat(reader);
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
            return read_flat_bfloat16(reader);
    }
    throw std::runtime_error("unknown kind of index " + std::to_string(static_cast<int>(tag)));
}

} // namespace bqq
