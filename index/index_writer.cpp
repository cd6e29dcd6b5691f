#include "index/index_writer.h"

#include "codec/bfloat16.h"
#include "index/index_parts.h"
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

#include <algorithm>
#include <typeinfo>

namespace bqq {

namespace {

constexpr idx_t kBatch = 8192; // codes that are copied out of their blocks at a time

template <class Vector>
void write_vector(const ByteSink& sink, const Vector& values) {
    write_value(sink, static_cast<uint64_t>(values.size()));
    sink(values.data(), values.size() * sizeof(values[0]));
}

/// Numbers of groups, in as many bits as they need.
void write_group_numbers(const std::vector<uint8_t>& of, size_t groups, const ByteSink& sink) {
    PackedIds packed;
    packed.assign(of.size(), group_width(groups));
    for (size_t i = 0; i < of.size(); ++i) packed.set(i, of[i]);
    sink(packed.view().data, PackedIdsView::bytes(of.size(), packed.view().width));
}

/// Codes as rows; the groups of a batch, in as many bits as they need, before its codes.
void write_codes(const IndexBQQ& index, const ByteSink& sink) {
    const GroupedQuantizer& quantizer = index.bqq;
    write_groups(quantizer, sink);
    write_value(sink, index.ntotal);
    const size_t code_size = quantizer.code_size;
    const size_t group_bytes = quantizer.group_bytes();
    std::vector<uint8_t> codes(static_cast<size_t>(std::min(index.ntotal, kBatch)) * code_size);
    for (idx_t i = 0; i < index.ntotal; i += kBatch) {
        const auto count = static_cast<size_t>(std::min(kBatch, index.ntotal - i));
        index.get_codes(i, static_cast<idx_t>(count), codes.data());
        if (group_bytes > 0) {
            std::vector<uint8_t> of(count);
            for (size_t r = 0; r < count; ++r) of[r] = codes[r * code_size];
            write_group_numbers(of, quantizer.groups(), sink);
        }
        for (size_t r = 0; r < count; ++r)
            std::copy_n(
                    codes.data() + r * code_size + group_bytes, code_size - group_bytes,
                    codes.data() + r * (code_size - group_bytes));
        sink(codes.data(), count * (code_size - group_bytes));
    }
}

bool is_bfloat16(const faiss::IndexFlat& index) {
    return are_bfloat16(
            index.get_xb(), static_cast<size_t>(index.ntotal) * static_cast<size_t>(index.d));
}

void write_coarse(const faiss::Index* coarse, Writer& writer) {
    const faiss::IndexFlat* flat = as_plain_flat(coarse);
    if (flat == nullptr || !is_bfloat16(*flat) ||
        (flat->metric_type != faiss::METRIC_L2 &&
         flat->metric_type != faiss::METRIC_INNER_PRODUCT)) {
        write_tagged(coarse, writer);
        return;
    }
    const ByteSink sink = writer.sink();
    write_value(sink, IndexTag::flat_bfloat16);
    write_value(sink, uint8_t{flat->metric_type == faiss::METRIC_INNER_PRODUCT});
    write_value(sink, int32_t{flat->d});
    std::vector<uint16_t> high(static_cast<size_t>(flat->ntotal) * static_cast<size_t>(flat->d));
    for (size_t i = 0; i < high.size(); ++i) high[i] = bfloat16_bits(flat->get_xb()[i]);
    write_vector(sink, high);
}

void write_interleaved(const InterleavedSource& lists, size_t nlist, const ByteSink& sink) {
    for (size_t i = 0; i < nlist; ++i) {
        const kernels::InterleavedCodes codes = lists.codes(i);
        sink(codes.data, codes.size * codes.code_size);
        const PackedIdsView ids = lists.ids(i);
        sink(ids.data, PackedIdsView::bytes(ids.size, ids.width));
    }
    // What the kernels may read behind the last list of a mapped file.
    const uint8_t slack[kernels::kSlack] = {};
    sink(slack, sizeof slack);
}

/** The lists stay behind in a file that is mapped, and their digest is not looked at. What says how to read them is
 * a part of its own, with a digest of its own.
 */
void write_ivf(const IndexIVFBQQ& index, Writer& writer) {
    const auto* interleaved = dynamic_cast<const InterleavedSource*>(index.invlists);
    faiss::VectorIOWriter bytes;
    Writer head(bytes);
    const ByteSink sink = head.sink();
    write_groups(index.bqq, sink);
    write_value(sink, index.centroid_scale);
    write_value(sink, static_cast<uint64_t>(index.nlist));
    write_value(sink, static_cast<uint64_t>(index.nprobe));
    write_value(sink, static_cast<uint64_t>(index.max_codes));
    write_value(sink, int32_t{index.parallel_mode});
    write_value(sink, index.quantizer_trains_alone);
    write_value(sink, index.ntotal);
    write_value(sink, static_cast<uint8_t>(index.direct_map.type));
    write_coarse(index.quantizer, head);
    write_group_numbers(index.list_groups, index.bqq.groups(), sink);
    write_value(sink, interleaved != nullptr ? ListsTag::interleaved : ListsTag::faiss);
    for (size_t i = 0; i < index.nlist && interleaved != nullptr; ++i) {
        write_value(sink, static_cast<uint32_t>(interleaved->ids(i).size));
        write_value(sink, static_cast<uint8_t>(interleaved->ids(i).width));
    }
    write_vector(writer.sink(), bytes.data);
    write_value(writer.sink(), head.digest());
    if (interleaved != nullptr)
        write_interleaved(*interleaved, index.nlist, writer.sink());
    else
        faiss::write_InvertedLists(index.invlists, &writer);
}

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
        write_codes(*codes, sink);
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
