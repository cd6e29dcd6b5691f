#include "index/consistency.h"

#include "base/check_finite.h"
#include "index/inverted_lists.h"
#include "index/wrappers.h"

#include <bqq/error.h>
#include <bqq/index/IndexBQQ.h>
#include <bqq/index/IndexIVFBQQ.h>

#include <faiss/IndexFlat.h>
#include <faiss/IndexFlatCodes.h>
#include <faiss/IndexHNSW.h>
#include <faiss/IndexIDMap.h>
#include <faiss/IndexPQ.h>
#include <faiss/IndexPQFastScan.h>
#include <faiss/IndexPreTransform.h>
#include <faiss/IndexRefine.h>
#include <faiss/IndexReplicas.h>
#include <faiss/IndexScalarQuantizer.h>
#include <faiss/IndexShards.h>
#include <faiss/VectorTransform.h>
#include <faiss/invlists/OnDiskInvertedLists.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace bqq {

namespace {

/// Largest efSearch and efConstruction: a search holds as many candidates.
constexpr int kMaxCandidates = 1 << 20;
/// Largest k_factor: a search for k neighbours holds k_factor times as many.
constexpr float kMaxFactor = 1 << 20;

/// @param what  a text, or where there are many checks a function that makes it
template <class What>
void check(bool good, const What& what) {
    if (good) return;
    if constexpr (std::is_invocable_v<What>)
        throw FileError(what());
    else
        throw FileError(what);
}

/// Labels of the results of an index are below this; 0 of an empty one.
uint64_t label_bound(const faiss::Index& index);

uint64_t bound_of_ids(const faiss::InvertedLists& lists) {
    const auto* on_disk = dynamic_cast<const faiss::OnDiskInvertedLists*>(&lists);
    if (on_disk != nullptr && on_disk->ptr == nullptr) return 0; // without their data
    uint64_t bound = 0;
    for (size_t list = 0; list < lists.nlist; ++list)
        for (size_t i = 0; i < lists.list_size(list); ++i)
            bound = std::max(bound, static_cast<uint64_t>(id_in(lists, {list, i})) + 1);
    return bound;
}

uint64_t label_bound(const faiss::Index& index) {
    if (const auto* ivf = dynamic_cast<const faiss::IndexIVF*>(&index))
        return ivf->invlists == nullptr ? 0 : bound_of_ids(*ivf->invlists);
    if (const auto* map = dynamic_cast<const faiss::IndexIDMap*>(&index)) {
        uint64_t bound = 0;
        for (const idx_t id : map->id_map) bound = std::max(bound, static_cast<uint64_t>(id) + 1);
        return bound;
    }
    if (const auto* transform = dynamic_cast<const faiss::IndexPreTransform*>(&index))
        return label_bound(*transform->index);
    if (const auto* refine = dynamic_cast<const faiss::IndexRefine*>(&index))
        return label_bound(*refine->base_index);
    const auto largest = [](const auto& parts) {
        uint64_t bound = 0;
        for (int i = 0; i < parts.count(); ++i) bound = std::max(bound, label_bound(*parts.at(i)));
        return bound;
    };
    if (const auto* shards = dynamic_cast<const faiss::IndexShards*>(&index))
        if (!shards->successive_ids) return largest(*shards);
    if (const auto* replicas = dynamic_cast<const faiss::IndexReplicas*>(&index))
        return largest(*replicas);
    return static_cast<uint64_t>(index.ntotal);
}

/// The part's labels are positions in what has `size` entries. Negative ones count as huge.
void check_positions(const faiss::Index& part, uint64_t size, const char* of) {
    const uint64_t bound = label_bound(part);
    check(bound <= size, "labels up to " + std::to_string(static_cast<int64_t>(bound - 1)) +
                                 " are positions in " + of + " of size " + std::to_string(size));
}

/// Whether an index computes the distance to any of its vectors without throwing, as graphs and
/// refinements expect.
bool gives_distances(const faiss::Index& index) {
    if (const auto* transform = dynamic_cast<const faiss::IndexPreTransform*>(&index))
        return gives_distances(*transform->index);
    if (dynamic_cast<const faiss::IndexFlat*>(&index) == nullptr &&
        index.metric_type != faiss::METRIC_L2 && index.metric_type != faiss::METRIC_INNER_PRODUCT)
        return false;
    return dynamic_cast<const faiss::IndexFlatCodes*>(&index) != nullptr ||
           (dynamic_cast<const faiss::IndexPQFastScan*>(&index) != nullptr &&
            index.metric_type == faiss::METRIC_L2) ||
           dynamic_cast<const IndexBQQ*>(&index) != nullptr;
}

void check_part(
        const faiss::Index& whole, const faiss::Index* part, const char* what,
        bool same_size = true) {
    check(part != nullptr, std::string(what) + " is missing");
    check(part->d == whole.d && (!same_size || part->ntotal == whole.ntotal),
          std::string(what) + " has " + std::to_string(part->ntotal) + " vectors of dimension " +
                  std::to_string(part->d) + ", the index around it " +
                  std::to_string(whole.ntotal) + " of " + std::to_string(whole.d));
}

void check_numbers(const std::vector<float>& numbers, const char* of) {
    check_finite(numbers.data(), 1, numbers.size(), of);
}

void check_transform(const faiss::VectorTransform& transform) {
    if (const auto* linear = dynamic_cast<const faiss::LinearTransform*>(&transform)) {
        check_numbers(linear->A, "a transform");
        check_numbers(linear->b, "a transform");
    } else if (const auto* itq = dynamic_cast<const faiss::ITQTransform*>(&transform)) {
        check_numbers(itq->mean, "a transform");
        check_transform(itq->pca_then_itq);
    } else if (const auto* centering = dynamic_cast<const faiss::CenteringTransform*>(&transform)) {
        check_numbers(centering->mean, "a transform");
    }
}

/// Numbers of FAISS's quantizers.
void check_quantizer(const faiss::Index& index) {
    if (const auto* flat = dynamic_cast<const faiss::IndexFlat*>(&index))
        check_finite(
                flat->get_xb(), static_cast<size_t>(flat->ntotal), static_cast<size_t>(flat->d),
                "a flat index");
    else if (const auto* sq = dynamic_cast<const faiss::IndexScalarQuantizer*>(&index))
        check_numbers(sq->sq.trained, "a scalar quantizer");
    else if (const auto* pq = dynamic_cast<const faiss::IndexPQ*>(&index))
        check_numbers(pq->pq.centroids, "a product quantizer");
    else if (const auto* fast = dynamic_cast<const faiss::IndexPQFastScan*>(&index))
        check_numbers(fast->pq.centroids, "a product quantizer");
}

void check_graph(const faiss::IndexHNSW& index) {
    const faiss::HNSW& graph = index.hnsw;
    const auto& neighbours_to = graph.cum_nneighbor_per_level;
    const size_t n = graph.levels.size();
    const std::string of = "the graph's ";
    check(static_cast<idx_t>(n) == index.ntotal && graph.offsets.size() == n + 1 &&
                  graph.offsets[0] == 0 && graph.offsets[n] == graph.neighbors.size(),
          of + "tables have sizes " + std::to_string(n) + ", " +
                  std::to_string(graph.offsets.size()) + " and " +
                  std::to_string(graph.neighbors.size()) + " for " + std::to_string(index.ntotal) +
                  " vectors");
    check(!graph.assign_probas.empty() && neighbours_to.size() > graph.assign_probas.size() &&
                  neighbours_to[0] == 0 && neighbours_to.back() <= 1 << 24 &&
                  std::is_sorted(neighbours_to.begin(), neighbours_to.end()),
          of + "numbers of neighbours do not rise from 0");
    check(gives_distances(*index.storage), of + "storage cannot compute distances");
    int top = 0;
    for (size_t i = 0; i < n; ++i) {
        const int levels = graph.levels[i];
        check(levels >= 1 && static_cast<size_t>(levels) < neighbours_to.size(), [&] {
            return of + "vector " + std::to_string(i) + " has " + std::to_string(levels) +
                   " levels";
        });
        const auto links = static_cast<size_t>(neighbours_to[static_cast<size_t>(levels)]);
        check(graph.offsets[i + 1] - graph.offsets[i] == links, [&] {
            return of + "vector " + std::to_string(i) + " has room for another number of links";
        });
        top = std::max(top, levels);
    }
    check(graph.max_level == top - 1, of + "top level is " + std::to_string(graph.max_level));
    const auto is_on = [&](int64_t vector, int level) {
        return vector >= 0 && static_cast<size_t>(vector) < n &&
               graph.levels[static_cast<size_t>(vector)] > level;
    };
    check(n == 0 ? graph.entry_point == -1 : is_on(graph.entry_point, graph.max_level),
          of + "entry point is " + std::to_string(graph.entry_point));
    for (size_t i = 0; i < n; ++i)
        for (int level = 0; level < graph.levels[i]; ++level) {
            const auto at = static_cast<size_t>(level);
            for (auto j = static_cast<size_t>(neighbours_to[at]);
                 j < static_cast<size_t>(neighbours_to[at + 1]); ++j) {
                const int64_t link = graph.neighbors[graph.offsets[i] + j];
                check(link == -1 || is_on(link, level), [&] {
                    return of + "vector " + std::to_string(i) + " is linked to " +
                           std::to_string(link) + " on level " + std::to_string(level);
                });
            }
        }
    for (const auto& [value, name] :
         {std::pair(graph.efSearch, "efSearch"), {graph.efConstruction, "efConstruction"}})
        check(value >= 1 && value <= kMaxCandidates, of + name + " is " + std::to_string(value) +
                                                             ", must be 1 to " +
                                                             std::to_string(kMaxCandidates));
}

void check_direct_map(const faiss::IndexIVF& index) {
    const faiss::DirectMap& map = index.direct_map;
    const auto check_place = [&](idx_t id, idx_t place) {
        const auto list = static_cast<uint64_t>(place) >> 32;
        const auto offset = static_cast<uint64_t>(place) & 0xffffffff;
        check(list < index.nlist && offset < index.invlists->list_size(list),
              [&] { return "the direct map has no place for vector " + std::to_string(id); });
    };
    if (map.type == faiss::DirectMap::Array) {
        check(map.array.size() == static_cast<size_t>(index.ntotal),
              "the direct map has " + std::to_string(map.array.size()) + " entries for " +
                      std::to_string(index.ntotal) + " vectors");
        for (size_t i = 0; i < map.array.size(); ++i)
            if (map.array[i] != -1) check_place(static_cast<idx_t>(i), map.array[i]);
    } else if (map.type == faiss::DirectMap::Hashtable) {
        for (const auto& [id, place] : map.hashtable) check_place(id, place);
    }
}

void check_inverted_file(const faiss::IndexIVF& index) {
    check_part(index, index.quantizer, "the coarse quantizer", false);
    const auto centroids = static_cast<size_t>(index.quantizer->ntotal);
    check(!index.is_trained || centroids == index.nlist,
          "there are " + std::to_string(index.nlist) + " lists and " + std::to_string(centroids) +
                  " centroids");
    check_positions(*index.quantizer, index.nlist, "lists");
    check_consistent(*index.quantizer);
    if (index.invlists != nullptr) check_direct_map(index);
}

} // namespace

void check_consistent(const faiss::Index& index) {
    check(index.ntotal >= 0, "the index has " + std::to_string(index.ntotal) + " vectors");
    if (const auto* ivf = dynamic_cast<const faiss::IndexIVF*>(&index)) {
        check_inverted_file(*ivf);
        return;
    }
    if (const auto* map = dynamic_cast<const faiss::IndexIDMap*>(&index)) {
        check_part(index, map->index, "the index under an id map");
        check(map->id_map.size() == static_cast<size_t>(index.ntotal),
              "the id map has " + std::to_string(map->id_map.size()) + " ids for " +
                      std::to_string(index.ntotal) + " vectors");
        check_positions(*map->index, map->id_map.size(), "an id map");
    } else if (const auto* refine = dynamic_cast<const faiss::IndexRefine*>(&index)) {
        check_part(index, refine->base_index, "the refined index");
        check_part(index, refine->refine_index, "the refinement");
        check(gives_distances(*refine->refine_index), "the refinement cannot compute distances");
        check(refine->k_factor >= 1 && refine->k_factor <= kMaxFactor,
              "k_factor is " + std::to_string(refine->k_factor) + ", must be 1 to " +
                      std::to_string(static_cast<int>(kMaxFactor)));
        check_positions(*refine->base_index, static_cast<uint64_t>(index.ntotal), "a refinement");
    } else if (const auto* graph = dynamic_cast<const faiss::IndexHNSW*>(&index)) {
        check_part(index, graph->storage, "the graph's storage");
        check_graph(*graph);
    } else if (const auto* transform = dynamic_cast<const faiss::IndexPreTransform*>(&index)) {
        check(transform->index != nullptr && transform->index->ntotal == index.ntotal,
              "the index after a transform has another size");
        int d = index.d;
        const auto fits = [&](int next) {
            check(next == d, "a transform gives vectors of dimension " + std::to_string(d) +
                                     ", the next part takes " + std::to_string(next));
        };
        for (const faiss::VectorTransform* step : transform->chain) {
            fits(step->d_in);
            d = step->d_out;
            check_transform(*step);
        }
        fits(transform->index->d);
    }
    check_quantizer(index);
    if (const Wrapper* wrapper = find_wrapper(index))
        for (const faiss::Index* part : wrapper->parts(index)) check_consistent(*part);
}

} // namespace bqq
