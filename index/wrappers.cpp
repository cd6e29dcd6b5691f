#include "index/wrappers.h"

#include "index/faiss_format.h"
#include "index/inverted_lists.h"

#include <bqq/index/IndexBQQ.h>
#include <bqq/index/IndexHNSWBQQ.h>
#include <bqq/index/IndexIVFBQQ.h>

#include <faiss/IndexHNSW.h>
#include <faiss/IndexIDMap.h>
#include <faiss/IndexPreTransform.h>
#include <faiss/IndexRefine.h>
#include <faiss/IndexReplicas.h>
#include <faiss/IndexShards.h>
#include <faiss/VectorTransform.h>
#include <faiss/impl/FaissAssert.h>
#include <faiss/index_io.h>

#include <algorithm>
#include <string>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <utility>

namespace bqq {

namespace {

using NextPart = std::function<std::unique_ptr<faiss::Index>()>;
using Names = std::span<const std::string>;

/// The row of a struct D, which has the functions of a Wrapper for its class D::Class of FAISS's.
template <class D>
Wrapper row(IndexTag tag) {
    using T = typename D::Class;
    return {tag,
            [](const faiss::Index& index) { return dynamic_cast<const T*>(&index) != nullptr; },
            [](const faiss::Index& index) { return D::parts(dynamic_cast<const T&>(index)); },
            [](faiss::Index& index) { return D::inner(dynamic_cast<T&>(index)); },
            [](const faiss::Index& index, Writer& writer) {
                D::write(dynamic_cast<const T&>(index), writer);
            },
            D::read,
            [](const faiss::Index& index, Names parts) {
                return D::name(dynamic_cast<const T&>(index), parts);
            }};
}

/// Sets what a wrapper has in common with the index that it hands vectors to.
void set_as(faiss::Index& wrapper, const faiss::Index& inner) {
    wrapper.d = inner.d;
    wrapper.ntotal = inner.ntotal;
    wrapper.metric_type = inner.metric_type;
    wrapper.is_trained = inner.is_trained;
}

/// A transform's token in a factory string.
std::string transform_name(const faiss::VectorTransform& transform) {
    const std::string d_out = std::to_string(transform.d_out);
    if (const auto* pca = dynamic_cast<const faiss::PCAMatrix*>(&transform)) {
        std::string name = "PCA";
        if (pca->eigen_power == -0.5f) name += "W";
        if (pca->random_rotation) name += "R";
        return name + d_out;
    }
    if (const auto* opq = dynamic_cast<const faiss::OPQMatrix*>(&transform))
        return "OPQ" + std::to_string(opq->M) + "_" + d_out;
    if (dynamic_cast<const faiss::ITQTransform*>(&transform) != nullptr) return "ITQ" + d_out;
    if (dynamic_cast<const faiss::RandomRotationMatrix*>(&transform) != nullptr)
        return "RR" + d_out;
    if (const auto* norm = dynamic_cast<const faiss::NormalizationTransform*>(&transform);
        norm != nullptr && norm->norm == 2)
        return "L2norm";
    if (dynamic_cast<const faiss::RemapDimensionsTransform*>(&transform) != nullptr)
        return "Pad" + d_out;
    FAISS_THROW_FMT(
            "BQQ: no factory string for a transform of class %s",
            faiss::demangle_cpp_symbol(typeid(transform).name()).c_str());
}

struct PreTransform {
    using Class = faiss::IndexPreTransform;
    static std::vector<faiss::Index*> parts(const faiss::IndexPreTransform& index) {
        return {index.index};
    }
    static faiss::Index** inner(faiss::IndexPreTransform& index) { return &index.index; }
    static void write(const faiss::IndexPreTransform& index, Writer& writer) {
        write_value(writer.sink(), int32_t{index.d});
        write_value(writer.sink(), static_cast<uint32_t>(index.chain.size()));
        for (const faiss::VectorTransform* step : index.chain)
            faiss::write_VectorTransform(step, &writer);
    }
    static std::unique_ptr<faiss::Index> read(Reader& reader, const NextPart& next_part) {
        const ByteSource source = reader.source();
        const auto d = read_value<int32_t>(source);
        auto index = std::make_unique<faiss::IndexPreTransform>();
        index->own_fields = true;
        const auto steps = read_value<uint32_t>(source);
        int next_d = d;
        const auto check = [&](int found) {
            if (found != next_d)
                throw FileError(
                        "a transform gives vectors of dimension " + std::to_string(next_d) +
                        ", the next part takes " + std::to_string(found));
        };
        for (uint32_t i = 0; i < steps; ++i) {
            index->chain.push_back(nullptr); // what is read has an owner at once
            index->chain.back() = read_transform(reader).release();
            check(index->chain.back()->d_in);
            next_d = index->chain.back()->d_out;
        }
        index->index = next_part().release();
        check(index->index->d);
        set_as(*index, *index->index);
        index->d = d;
        for (const faiss::VectorTransform* step : index->chain)
            index->is_trained = index->is_trained && step->is_trained;
        return index;
    }
    static std::string name(const faiss::IndexPreTransform& index, Names parts) {
        std::string name;
        for (const faiss::VectorTransform* step : index.chain) name += transform_name(*step) + ",";
        return name + parts[0];
    }
};

/** Stores the ids of an id map with the vectors of the inverted file under it, whose lists are in
 * memory afterwards.
 *
 * The lists hold positions in the order of adding. IndexIDMap expects positions to move up when
 * vectors are removed; those in lists stay. Hence the k-th smallest position belongs to the k-th
 * id. Vectors that were added after a removal repeat positions, and nothing tells them apart: then
 * each gets the id at its position, as in version 4.
 */
void give_ids(faiss::IndexIVF& ivf, const std::vector<idx_t>& ids) {
    auto* invlists = dynamic_cast<InterleavedLists*>(ivf.invlists);
    if (invlists == nullptr || invlists->lists().is_mapped()) {
        invlists = new InterleavedLists(copy_lists(*ivf.invlists));
        ivf.replace_invlists(invlists, true);
    }
    CodeLists& lists = invlists->changed();
    std::vector<idx_t> positions;
    for (size_t list = 0; list < lists.nlist(); ++list)
        for (size_t i = 0; i < lists.size(list); ++i) positions.push_back(lists.id({list, i}));
    std::sort(positions.begin(), positions.end());
    const bool distinct = std::adjacent_find(positions.begin(), positions.end()) == positions.end();
    std::vector<uint8_t> code(ivf.code_size);
    for (size_t list = 0; list < lists.nlist(); ++list)
        for (size_t i = 0; i < lists.size(list); ++i) {
            idx_t k = lists.id({list, i});
            if (distinct)
                k = std::lower_bound(positions.begin(), positions.end(), k) - positions.begin();
            if (static_cast<size_t>(k) >= ids.size())
                throw FileError(
                        "the id map has " + std::to_string(ids.size()) + " ids, none for vector " +
                        std::to_string(k));
            copy_code(lists.codes(list), i, code.data());
            lists.set({list, i}, code.data(), ids[static_cast<size_t>(k)]);
        }
}

template <class T>
struct IdMap {
    using Class = T;
    static constexpr bool kById = std::is_same_v<T, faiss::IndexIDMap2>; ///< reconstructs by id

    static std::vector<faiss::Index*> parts(const T& index) { return {index.index}; }
    static faiss::Index** inner(T& index) { return &index.index; }
    static void write(const T& index, Writer& writer) {
        if (inverted_file(index.index) != nullptr)
            throw InvalidArgument(
                    "IndexIDMap over an inverted file: use the inverted file, which keeps ids");
        write_vector(writer.sink(), index.id_map);
    }
    /// Version 4 has id maps over inverted files: the inverted file is read, with the ids.
    static std::unique_ptr<faiss::Index> read(Reader& reader, const NextPart& next_part) {
        auto ids = read_vector<std::vector<idx_t>>(reader.source());
        std::unique_ptr<faiss::Index> inner = next_part();
        if (static_cast<size_t>(inner->ntotal) != ids.size())
            throw FileError(
                    "the id map has " + std::to_string(ids.size()) + " ids for " +
                    std::to_string(inner->ntotal) + " vectors");
        faiss::IndexIVF* ivf = inverted_file(inner.get());
        if (ivf != nullptr && reader.version >= 8)
            throw FileError("an id map over an inverted file, which keeps ids itself");
        if (ivf != nullptr && (reader.io_flags & faiss::IO_FLAG_SKIP_IVF_DATA) == 0) {
            const bool by_id = kById || ivf->direct_map.type != faiss::DirectMap::NoMap;
            ivf->set_direct_map_type(faiss::DirectMap::NoMap); // it had the positions
            give_ids(*ivf, ids);
            if (by_id) ivf->set_direct_map_type(faiss::DirectMap::Hashtable);
            return inner;
        }
        auto index = std::make_unique<T>(); // the other constructor wants an empty index
        set_as(*index, *inner);
        index->id_map = std::move(ids);
        index->own_fields = true;
        index->index = inner.release();
        if constexpr (kById) index->construct_rev_map();
        return index;
    }
    static std::string name(const T&, Names parts) {
        return (kById ? "IDMap2," : "IDMap,") + parts[0];
    }
};

template <class T>
struct Refine {
    using Class = T;
    static std::vector<faiss::Index*> parts(const T& index) {
        return {index.base_index, index.refine_index};
    }
    static faiss::Index** inner(T& index) { return &index.base_index; }
    static void write(const T& index, Writer& writer) {
        write_value(writer.sink(), index.k_factor);
    }
    static std::unique_ptr<faiss::Index> read(Reader& reader, const NextPart& next_part) {
        const auto k_factor = read_value<float>(reader.source());
        std::unique_ptr<faiss::Index> base = next_part();
        std::unique_ptr<faiss::Index> refine = next_part();
        auto index = std::make_unique<T>();
        set_as(*index, *base);
        index->is_trained = base->is_trained && refine->is_trained;
        index->k_factor = k_factor;
        index->own_fields = true;
        index->own_refine_index = true;
        index->base_index = base.release();
        index->refine_index = refine.release();
        return index;
    }
    static std::string name(const T&, Names parts) {
        return parts[0] + (parts[1] == "Flat" ? ",RFlat" : ",Refine(" + parts[1] + ")");
    }
};

struct Graph {
    using Class = faiss::IndexHNSW;
    static std::vector<faiss::Index*> parts(const faiss::IndexHNSW& index) {
        return {index.storage};
    }
    static faiss::Index** inner(faiss::IndexHNSW& index) { return &index.storage; }
    /// What of a graph is written, in its order.
    template <class Hnsw>
    static auto fields(Hnsw& graph) {
        return std::tie(
                graph.assign_probas, graph.cum_nneighbor_per_level, graph.levels, graph.offsets,
                graph.neighbors, graph.entry_point, graph.max_level, graph.efConstruction,
                graph.efSearch);
    }
    static void write(const faiss::IndexHNSW& index, Writer& writer) {
        const auto write_field = [sink = writer.sink()](const auto& field) {
            if constexpr (std::is_same_v<decltype(field), const int32_t&>)
                write_value(sink, field);
            else
                write_vector(sink, field);
        };
        std::apply([&](const auto&... field) { (write_field(field), ...); }, fields(index.hnsw));
    }
    static std::unique_ptr<faiss::Index> read(Reader& reader, const NextPart& next_part) {
        const auto read_field = [source = reader.source()]<class Field>(Field& field) {
            if constexpr (std::is_same_v<Field, int32_t>)
                field = read_value<int32_t>(source);
            else
                field = read_vector<Field>(source);
        };
        faiss::HNSW graph;
        std::apply([&](auto&... field) { (read_field(field), ...); }, fields(graph));
        std::unique_ptr<faiss::Index> storage = next_part();
        std::unique_ptr<faiss::IndexHNSW> index;
        if (auto* codes = dynamic_cast<IndexBQQ*>(storage.get()))
            index = std::make_unique<IndexHNSWBQQ>(codes, 32);
        else
            index = std::make_unique<faiss::IndexHNSW>(storage.get(), 32);
        index->own_fields = true;
        (void)storage.release();
        BQQ_SINCE_FAISS_1_8(graph.is_similarity = index->hnsw.is_similarity;)
        index->hnsw = std::move(graph);
        set_as(*index, *index->storage);
        return index;
    }
    static std::string name(const faiss::IndexHNSW& index, Names parts) {
        return "HNSW" + std::to_string(index.hnsw.nb_neighbors(1)) + "," + parts[0];
    }
};

template <class T>
struct Threaded {
    using Class = T;
    static constexpr bool kShards = std::is_same_v<T, faiss::IndexShards>;
    static constexpr uint32_t kMaxParts = 1024; ///< each may be given a thread

    static std::vector<faiss::Index*> parts(const T& index) {
        std::vector<faiss::Index*> parts;
        parts.reserve(static_cast<size_t>(index.count()));
        for (int i = 0; i < index.count(); ++i)
            parts.push_back(const_cast<faiss::Index*>(index.at(i)));
        return parts;
    }
    static faiss::Index** inner(T&) { return nullptr; }
    static void write(const T& index, Writer& writer) {
        write_value(writer.sink(), static_cast<uint32_t>(index.count()));
        if constexpr (kShards) write_value(writer.sink(), uint8_t{index.successive_ids});
    }
    static std::unique_ptr<faiss::Index> read(Reader& reader, const NextPart& next_part) {
        const ByteSource source = reader.source();
        auto index = std::make_unique<T>();
        const auto count = read_value<uint32_t>(source);
        const auto read_own = [&] {
            if constexpr (kShards) index->successive_ids = read_bool(source, "successive_ids");
        };
        if (reader.version > 4) read_own();
        if (count == 0 || count > kMaxParts)
            throw FileError(
                    "shards or replicas of " + std::to_string(count) + " parts, must be 1 to " +
                    std::to_string(kMaxParts));
        for (uint32_t i = 0; i < count; ++i) add_part(*index, next_part());
        if (reader.version == 4) read_own();
        if constexpr (kShards) index->syncWithSubIndexes();
        return index;
    }
    static std::string name(const T&, Names) { return ""; }

private:
    /// addIndex() throws before it takes a part over, or after that when the part does not fit.
    static void add_part(T& index, std::unique_ptr<faiss::Index> part) {
        own_parts(index);
        const int count = index.count();
        try {
            index.addIndex(part.get());
        } catch (...) {
            if (index.count() > count) (void)part.release();
            throw;
        }
        (void)part.release();
    }
};

// The first row that fits counts: a class that is derived from another is above it.
const Wrapper kWrappers[] = {
        row<PreTransform>(IndexTag::pre_transform),
        row<IdMap<faiss::IndexIDMap2>>(IndexTag::id_map2),
        row<IdMap<faiss::IndexIDMap>>(IndexTag::id_map),
        row<Refine<faiss::IndexRefineFlat>>(IndexTag::refine_flat),
        row<Refine<faiss::IndexRefine>>(IndexTag::refine),
        row<Graph>(IndexTag::hnsw),
        row<Threaded<faiss::IndexShards>>(IndexTag::shards),
        row<Threaded<faiss::IndexReplicas>>(IndexTag::replicas),
};

template <class Predicate>
const Wrapper* find(const Predicate& predicate) {
    for (const Wrapper& wrapper : kWrappers)
        if (predicate(wrapper)) return &wrapper;
    return nullptr;
}

} // namespace

const Wrapper* find_wrapper(const faiss::Index& index) {
    return find([&](const Wrapper& wrapper) { return wrapper.is(index); });
}

const Wrapper* find_wrapper(IndexTag tag) {
    return find([&](const Wrapper& wrapper) { return wrapper.tag == tag; });
}

faiss::Index** inner_index(faiss::Index* index) {
    const Wrapper* wrapper = find_wrapper(*index);
    return wrapper == nullptr ? nullptr : wrapper->inner(*index);
}

const faiss::IndexFlat* as_plain_flat(const faiss::Index* index) {
    const auto* flat = dynamic_cast<const faiss::IndexFlat*>(index);
    if (flat == nullptr) return nullptr;
    const bool plain = typeid(*flat) == typeid(faiss::IndexFlat) ||
                       typeid(*flat) == typeid(faiss::IndexFlatL2) ||
                       typeid(*flat) == typeid(faiss::IndexFlatIP);
    return plain ? flat : nullptr;
}

faiss::IndexIVF* inverted_file(faiss::Index* index) {
    if (auto* transform = dynamic_cast<faiss::IndexPreTransform*>(index))
        return inverted_file(transform->index);
    return dynamic_cast<faiss::IndexIVF*>(index);
}

bool contains_bqq(const faiss::Index* index) {
    if (index == nullptr) return false;
    if (dynamic_cast<const TwoStages*>(index) != nullptr) return true;
    const Wrapper* wrapper = find_wrapper(*index);
    if (wrapper == nullptr) return false;
    const std::vector<faiss::Index*> parts = wrapper->parts(*index);
    return std::any_of(parts.begin(), parts.end(), contains_bqq);
}

} // namespace bqq
