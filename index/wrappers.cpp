#include "index/wrappers.h"

#include "index/inverted_lists.h"

#include <bqq/index/IndexBQQ.h>
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
#include <typeinfo>
#include <utility>

namespace bqq {

namespace {

using NextPart = std::function<std::unique_ptr<faiss::Index>()>;
using Names = std::span<const std::string>;

/// What all rows of the table do alike. T is the class; D is derived from this and has for T what
/// is its own: parts(), inner(), write(), read() and name().
template <class T, class D>
struct Row {
    static bool is(const faiss::Index& index) { return dynamic_cast<const T*>(&index) != nullptr; }
    static std::vector<faiss::Index*> parts(const faiss::Index& index) {
        return D::parts_of(dynamic_cast<const T&>(index));
    }
    static faiss::Index** inner(faiss::Index& index) {
        return D::inner_of(dynamic_cast<T&>(index));
    }
    static void write(const faiss::Index& index, Writer& writer) {
        D::write_own(dynamic_cast<const T&>(index), writer);
    }
    static std::string name(const faiss::Index& index, Names parts) {
        return D::name_of(dynamic_cast<const T&>(index), parts);
    }
    static Wrapper row(IndexTag tag) {
        return {tag, &D::is, &D::parts, &D::inner, &D::write, &D::read, &D::name};
    }
};

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
    FAISS_THROW_FMT("BQQ: no factory string for a transform of class %s", typeid(transform).name());
}

struct PreTransform : Row<faiss::IndexPreTransform, PreTransform> {
    static std::vector<faiss::Index*> parts_of(const faiss::IndexPreTransform& index) {
        return {index.index};
    }
    static faiss::Index** inner_of(faiss::IndexPreTransform& index) { return &index.index; }
    static void write_own(const faiss::IndexPreTransform& index, Writer& writer) {
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
        index->d = d;
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
            index->chain.back() = faiss::read_VectorTransform(&reader);
            check(index->chain.back()->d_in);
            next_d = index->chain.back()->d_out;
        }
        index->index = next_part().release();
        check(index->index->d);
        index->ntotal = index->index->ntotal;
        index->metric_type = index->index->metric_type;
        index->is_trained = index->index->is_trained;
        for (const faiss::VectorTransform* step : index->chain)
            index->is_trained = index->is_trained && step->is_trained;
        return index;
    }
    static std::string name_of(const faiss::IndexPreTransform& index, Names parts) {
        std::string name;
        for (const faiss::VectorTransform* step : index.chain) name += transform_name(*step) + ",";
        return name + parts[0];
    }
};

/** Gives the vectors of an inverted file, in memory from then on, the ids that an id map over it holds.
 *
 * FAISS's IndexIDMap closes the gaps among its ids when vectors are removed, an inverted file keeps
 * the positions that it stored. So the order of the positions, not their value, leads to the ids.
 * Where vectors were added after that, positions occur twice and their value is all there is.
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
    const auto twice = std::adjacent_find(positions.begin(), positions.end());
    std::vector<uint8_t> code(ivf.code_size);
    for (size_t list = 0; list < lists.nlist(); ++list)
        for (size_t i = 0; i < lists.size(list); ++i) {
            auto place = static_cast<size_t>(lists.id({list, i}));
            if (twice == positions.end())
                place = static_cast<size_t>(
                        std::lower_bound(positions.begin(), positions.end(), place) -
                        positions.begin());
            if (place >= ids.size())
                throw FileError(
                        "the id map has " + std::to_string(ids.size()) + " ids, none for vector " +
                        std::to_string(place));
            copy_code(lists.codes(list), i, code.data());
            lists.set({list, i}, code.data(), ids[place]);
        }
}

template <class T>
struct IdMap : Row<T, IdMap<T>> {
    static constexpr bool kBothWays = std::is_same_v<T, faiss::IndexIDMap2>;

    /// Of two classes one is derived from the other.
    static bool is(const faiss::Index& index) {
        return dynamic_cast<const faiss::IndexIDMap*>(&index) != nullptr &&
               (dynamic_cast<const faiss::IndexIDMap2*>(&index) != nullptr) == kBothWays;
    }
    static std::vector<faiss::Index*> parts_of(const T& index) { return {index.index}; }
    static faiss::Index** inner_of(T& index) { return &index.index; }
    static void write_own(const T& index, Writer& writer) {
        if (inverted_file(index.index) != nullptr)
            throw InvalidArgument(
                    "IndexIDMap over an inverted file: use the inverted file, which keeps ids");
        write_vector(writer.sink(), index.id_map);
    }
    /// An id map over an inverted file, which version 4 has, becomes the inverted file with its ids.
    static std::unique_ptr<faiss::Index> read(Reader& reader, const NextPart& next_part) {
        auto ids = read_vector<std::vector<idx_t>>(reader.source());
        std::unique_ptr<faiss::Index> inner = next_part();
        if (static_cast<size_t>(inner->ntotal) != ids.size())
            throw FileError(
                    "the id map has " + std::to_string(ids.size()) + " ids for " +
                    std::to_string(inner->ntotal) + " vectors");
        faiss::IndexIVF* ivf = inverted_file(inner.get());
        if (ivf != nullptr && (reader.io_flags & faiss::IO_FLAG_SKIP_IVF_DATA) == 0) {
            const bool by_id = kBothWays || ivf->direct_map.type != faiss::DirectMap::NoMap;
            ivf->set_direct_map_type(faiss::DirectMap::NoMap); // it had the positions
            give_ids(*ivf, ids);
            if (by_id) ivf->set_direct_map_type(faiss::DirectMap::Hashtable);
            return inner;
        }
        auto index = std::make_unique<T>(); // the other constructor wants an empty index
        index->d = inner->d;
        index->ntotal = inner->ntotal;
        index->metric_type = inner->metric_type;
        index->is_trained = inner->is_trained;
        index->id_map = std::move(ids);
        index->own_fields = true;
        index->index = inner.release();
        if constexpr (kBothWays) index->construct_rev_map();
        return index;
    }
    static std::string name_of(const T&, Names parts) {
        return (kBothWays ? "IDMap2," : "IDMap,") + parts[0];
    }
};

template <class T>
struct Refine : Row<T, Refine<T>> {
    static constexpr bool kFlat = std::is_same_v<T, faiss::IndexRefineFlat>;

    static bool is(const faiss::Index& index) {
        return dynamic_cast<const faiss::IndexRefine*>(&index) != nullptr &&
               (dynamic_cast<const faiss::IndexRefineFlat*>(&index) != nullptr) == kFlat;
    }
    static std::vector<faiss::Index*> parts_of(const T& index) {
        return {index.base_index, index.refine_index};
    }
    static faiss::Index** inner_of(T& index) { return &index.base_index; }
    static void write_own(const T& index, Writer& writer) {
        write_value(writer.sink(), index.k_factor);
    }
    static std::unique_ptr<faiss::Index> read(Reader& reader, const NextPart& next_part) {
        const auto k_factor = read_value<float>(reader.source());
        std::unique_ptr<faiss::Index> base = next_part();
        std::unique_ptr<faiss::Index> refine = next_part();
        if (base->d != refine->d || base->ntotal != refine->ntotal)
            throw FileError("the index and its refinement differ in size");
        auto index = std::make_unique<T>();
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
    static std::string name_of(const T&, Names parts) {
        return parts[0] + (parts[1] == "Flat" ? ",RFlat" : ",Refine(" + parts[1] + ")");
    }
};

struct Graph : Row<faiss::IndexHNSW, Graph> {
    static std::vector<faiss::Index*> parts_of(const faiss::IndexHNSW& index) {
        return {index.storage};
    }
    static faiss::Index** inner_of(faiss::IndexHNSW& index) { return &index.storage; }
    static void write_own(const faiss::IndexHNSW& index, Writer& writer) {
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
    }
    static std::unique_ptr<faiss::Index> read(Reader& reader, const NextPart& next_part) {
        const ByteSource source = reader.source();
        faiss::HNSW graph;
        graph.assign_probas = read_vector<decltype(graph.assign_probas)>(source);
        graph.cum_nneighbor_per_level =
                read_vector<decltype(graph.cum_nneighbor_per_level)>(source);
        graph.levels = read_vector<decltype(graph.levels)>(source);
        graph.offsets = read_vector<decltype(graph.offsets)>(source);
        graph.neighbors = read_vector<decltype(graph.neighbors)>(source);
        for (int* value :
             {&graph.entry_point, &graph.max_level, &graph.efConstruction, &graph.efSearch})
            *value = read_value<int32_t>(source);
        std::unique_ptr<faiss::Index> storage = next_part();
        if (graph.levels.size() != static_cast<size_t>(storage->ntotal) ||
            graph.offsets.size() != graph.levels.size() + 1)
            throw FileError(
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
    static std::string name_of(const faiss::IndexHNSW& index, Names parts) {
        return "HNSW" + std::to_string(index.hnsw.nb_neighbors(1)) + "," + parts[0];
    }
};

template <class T>
struct Threaded : Row<T, Threaded<T>> {
    static constexpr bool kShards = std::is_same_v<T, faiss::IndexShards>;

    static std::vector<faiss::Index*> parts_of(const T& index) {
        std::vector<faiss::Index*> parts;
        for (int i = 0; i < index.count(); ++i)
            parts.push_back(const_cast<faiss::Index*>(index.at(i)));
        return parts;
    }
    static faiss::Index** inner_of(T&) { return nullptr; }
    static void write_own(const T& index, Writer& writer) {
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
        for (uint32_t i = 0; i < count; ++i) {
            add_part(*index, next_part());
        }
        if (reader.version == 4) read_own();
        if constexpr (kShards) index->syncWithSubIndexes();
        return index;
    }
    static std::string name_of(const T&, Names) { return ""; }

private:
    /// FAISS looks at whether a part fits the others when it already is among them.
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

const Wrapper kWrappers[] = {
        PreTransform::row(IndexTag::pre_transform),
        IdMap<faiss::IndexIDMap>::row(IndexTag::id_map),
        IdMap<faiss::IndexIDMap2>::row(IndexTag::id_map2),
        Refine<faiss::IndexRefine>::row(IndexTag::refine),
        Refine<faiss::IndexRefineFlat>::row(IndexTag::refine_flat),
        Graph::row(IndexTag::hnsw),
        Threaded<faiss::IndexShards>::row(IndexTag::shards),
        Threaded<faiss::IndexReplicas>::row(IndexTag::replicas),
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
    if (dynamic_cast<const IndexBQQ*>(index) != nullptr) return true;
    if (dynamic_cast<const IndexIVFBQQ*>(index) != nullptr) return true;
    const Wrapper* wrapper = find_wrapper(*index);
    if (wrapper == nullptr) return false;
    for (const faiss::Index* part : wrapper->parts(*index))
        if (contains_bqq(part)) return true;
    return false;
}

} // namespace bqq
