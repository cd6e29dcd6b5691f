#include "index/index_writer.h"

#include "index/index_bodies.h"
#include "index/index_parts.h"
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

#include <algorithm>
#include <typeinfo>

namespace bqq {

namespace {

void write_hnsw(const faiss::IndexHNSW& index, Writer& writer) {
    const ByteSink sink = writer.sink();
    const faiss::HNSW& graph = index.hnsw;
    write_vector(sink, graph.assign_probas);
    write_vector(sink, graph.cum_nneighbor_per_level);
    write_vector(sink, graph.levels);
    write_vector(sink, graph.offsets);
    write_vector(sink, graph.neighbors);
    for (const int value :
         {graph.entry_point, graph.max_level, graph.efConstruction, graph.efSearch})
        write_value(sink, int32_t{value});
    write_tagged(index.storage, writer);
}

template <class Threaded>
void write_threaded(IndexTag tag, const Threaded& index, Writer& writer) {
    const ByteSink sink = writer.sink();
    write_value(sink, tag);
    write_value(sink, static_cast<uint32_t>(index.count()));
    for (int i = 0; i < index.count(); ++i) write_tagged(index.at(i), writer);
}

} // namespace

void write_tagged(const faiss::Index* index, Writer& writer) {
    const ByteSink sink = writer.sink();
    if (!contains_bqq(index)) {
        write_value(sink, IndexTag::faiss);
        faiss::write_index(index, &writer);
    } else if (auto* codes = dynamic_cast<const IndexBQQ*>(index)) {
        write_value(sink, IndexTag::flat_codes);
        write_flat(*codes, writer);
    } else if (auto* ivf = dynamic_cast<const IndexIVFBQQ*>(index)) {
        write_value(sink, IndexTag::ivf);
        write_ivf(*ivf, writer);
    } else if (auto* transform = dynamic_cast<const faiss::IndexPreTransform*>(index)) {
        write_value(sink, IndexTag::pre_transform);
        write_value(sink, int32_t{transform->d});
        write_value(sink, static_cast<uint32_t>(transform->chain.size()));
        for (const faiss::VectorTransform* step : transform->chain)
            faiss::write_VectorTransform(step, &writer);
        write_tagged(transform->index, writer);
    } else if (auto* id_map = dynamic_cast<const faiss::IndexIDMap*>(index)) {
        const bool both_ways = dynamic_cast<const faiss::IndexIDMap2*>(index) != nullptr;
        write_value(sink, both_ways ? IndexTag::id_map2 : IndexTag::id_map);
        write_vector(sink, id_map->id_map);
        write_tagged(id_map->index, writer);
    } else if (auto* refine = dynamic_cast<const faiss::IndexRefine*>(index)) {
        const bool flat = dynamic_cast<const faiss::IndexRefineFlat*>(index) != nullptr;
        write_value(sink, flat ? IndexTag::refine_flat : IndexTag::refine);
        write_value(sink, refine->k_factor);
        write_tagged(refine->base_index, writer);
        write_tagged(refine->refine_index, writer);
    } else if (auto* hnsw = dynamic_cast<const faiss::IndexHNSW*>(index)) {
        write_value(sink, IndexTag::hnsw);
        write_hnsw(*hnsw, writer);
    } else if (auto* shards = dynamic_cast<const faiss::IndexShards*>(index)) {
        write_threaded(IndexTag::shards, *shards, writer);
        write_value(sink, uint8_t{shards->successive_ids});
    } else if (auto* replicas = dynamic_cast<const faiss::IndexReplicas*>(index)) {
        write_threaded(IndexTag::replicas, *replicas, writer);
    } else {
        throw std::runtime_error(
                std::string("cannot write an index of class ") + typeid(*index).name());
    }
}

} // namespace bqq
