#include "index/ivf_search.h"

#include "index/checks.h"
#include "index/inverted_lists.h"
#include "index/results.h"
#include "index/selectors.h"
#include "search/list_search.h"

#include <faiss/impl/FaissAssert.h>
#include <faiss/impl/IDSelector.h>
#include <omp.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <typeinfo>
#include <vector>

namespace bqq {

void check_lists(const IndexIVFBQQ& index) {
    FAISS_THROW_IF_NOT_FMT(
            index.invlists != nullptr && index.invlists->nlist == index.nlist &&
                    index.invlists->code_size == index.code_size,
            "BQQ: inverted lists of nlist %zu and code size %zu, the index has %zu and %zu",
            index.invlists == nullptr ? size_t{0} : index.invlists->nlist,
            index.invlists == nullptr ? size_t{0} : index.invlists->code_size, index.nlist,
            index.code_size);
}

IVFSearch to_ivf_search(const IndexIVFBQQ& index, const faiss::SearchParameters* params) {
    IVFSearch search;
    search.nprobe = index.nprobe;
    search.max_codes = index.max_codes;
    const auto* ours = dynamic_cast<const IVFSearchParametersBQQ*>(params);
    search.scan = scan_parameters(index, ours);
    search.widen_for_selector = index.widen_for_selector;
    if (ours != nullptr)
        search.widen_for_selector = ours->widen_for_selector.value_or(index.widen_for_selector);
    if (params != nullptr) {
        FAISS_THROW_IF_NOT_FMT(
                ours != nullptr || typeid(*params) == typeid(faiss::SearchParametersIVF),
                "BQQ: search parameters of class %s, must be SearchParametersIVF or "
                "IVFSearchParametersBQQ",
                faiss::demangle_cpp_symbol(typeid(*params).name()).c_str());
        const auto& ivf = dynamic_cast<const faiss::SearchParametersIVF&>(*params);
        search.nprobe = ivf.nprobe;
        search.max_codes = ivf.max_codes;
        search.ensure_topk_full = ensure_topk_full(&ivf);
        search.sel = ivf.sel;
    }
    FAISS_THROW_IF_NOT_FMT(
            search.nprobe > 0, "BQQ: nprobe = %zu, must be at least 1", search.nprobe);
    search.nprobe = std::min(search.nprobe, index.nlist);
    check_lists(index);
    return search;
}

double part_allowed(const IndexIVFBQQ& index, const faiss::IDSelector& sel) {
    const faiss::InvertedLists& lists = *index.invlists;
    size_t list = 0, first = 0;
    return part_allowed(sel, lists.compute_ntotal(), [&](size_t i) {
        for (; i >= first + lists.list_size(list); ++list) first += lists.list_size(list);
        return id_in(lists, {list, i - first});
    });
}

double visit_offset(const IndexIVFBQQ& index, const float* x, idx_t list, float centroid_dis) {
    const Metric metric = index.codec().metric();
    double offset = from_distance(metric, centroid_dis);
    // Far queries have distances that no float holds.
    if (index.quantizer->metric_type != index.metric_type || !std::isfinite(centroid_dis)) {
        std::vector<float> centroid(static_cast<size_t>(index.d));
        index.quantizer->reconstruct(list, centroid.data());
        offset = list_offset(metric, x, centroid.data(), centroid.size());
    }
    return metric == Metric::l2 ? offset : offset * static_cast<double>(index.centroid_scale());
}

template <class T>
void add_to_stats(T& count, T more) {
    std::atomic_ref<T>(count).fetch_add(more, std::memory_order_relaxed);
}
template void add_to_stats(size_t&, size_t);
template void add_to_stats(double&, double);

namespace {

/// What both kinds of search share.
class ListsOfIVF {
public:
    ListsOfIVF(
            const IndexIVFBQQ& index, const IVFSearch& search, size_t n, const float* x,
            const idx_t* assign, const float* centroid_dis)
            : index_(index),
              store_pairs_(search.store_pairs),
              lists_(searched_lists(*index.invlists)),
              visits_(n * search.nprobe),
              search_{index.codec(), *lists_, index.nlist, index.list_basis(), search.scan, {}} {
        for (size_t i = 0; i < visits_.size(); ++i) {
            FAISS_THROW_IF_NOT_FMT(
                    assign[i] < static_cast<idx_t>(index.nlist), "BQQ: list %ld of %zu",
                    static_cast<long>(assign[i]), index.nlist);
            visits_[i] = {assign[i], 0};
            if (assign[i] >= 0)
                visits_[i].offset = visit_offset(
                        index, x + i / search.nprobe * static_cast<size_t>(index.d), assign[i],
                        centroid_dis[i]);
        }
        if (search.sel != nullptr)
            search_.allowed = [sel = search.sel, &lists = *index.invlists](Place place) {
                return sel->is_member(id_in(lists, place));
            };
    }
    ListsOfIVF(const ListsOfIVF&) = delete;

    const ListSearch& search() const { return search_; }
    const std::vector<Visit>& visits() const { return visits_; }
    idx_t label(Place place) const {
        return store_pairs_ ? static_cast<idx_t>(faiss::lo_build(place.list, place.position))
                            : id_in(*index_.invlists, place);
    }

private:
    const IndexIVFBQQ& index_;
    bool store_pairs_;
    std::unique_ptr<SearchedLists> lists_;
    std::vector<Visit> visits_;
    ListSearch search_;
};

void count(faiss::IndexIVFStats& stats, size_t queries, const ScanCounts& counts) {
    add_to_stats(stats.nq, queries);
    add_to_stats(stats.nlist, counts.lists);
    add_to_stats(stats.ndis, counts.codes);
}

} // namespace

void search_lists(
        const IndexIVFBQQ& index, const IVFSearch& search, idx_t n, const float* x, idx_t k,
        const idx_t* assign, const float* centroid_dis, float* distances, idx_t* labels,
        faiss::IndexIVFStats& stats) {
    const int mode = index.parallel_mode & ~index.PARALLEL_MODE_NO_HEAP_INIT;
    FAISS_THROW_IF_NOT_FMT(mode >= 0 && mode <= 3, "BQQ: parallel_mode %d, must be 0 to 3", mode);
    FAISS_THROW_IF_NOT_FMT(
            search.max_codes == 0 || mode == 0 || mode == 3,
            "BQQ: max_codes = %zu with parallel_mode %d, must be 0 or 3", search.max_codes, mode);
    const ListsOfIVF lists(index, search, static_cast<size_t>(n), x, assign, centroid_dis);
    const ResultRows rows{
            static_cast<size_t>(k), distances, labels, index.codec().metric(),
            (index.parallel_mode & index.PARALLEL_MODE_NO_HEAP_INIT) != 0};
    VisitPlan plan{lists.visits(), search.nprobe};
    if (search.max_codes > 0) plan.max_codes = search.max_codes;
    if (search.ensure_topk_full) plan.wanted = rows.k;
    // Modes 1 and 2 spread the lists of a query over threads.
    if (mode == 1 || mode == 2) plan.slices = static_cast<size_t>(omp_get_max_threads());
    count(stats, static_cast<size_t>(n),
          search_visits<NearestCodes>(
                  lists.search(), static_cast<size_t>(n), x, plan,
                  [&](size_t, double base) {
                      return NearestCodes(
                              index.nlist, rows.k, static_cast<size_t>(index.ntotal), base);
                  },
                  [&](size_t i, NearestCodes& nearest) {
                      rows.write(i, nearest, [&](Place place) { return lists.label(place); });
                  }));
}

void range_search_lists(
        const IndexIVFBQQ& index, const IVFSearch& search, idx_t n, const float* x, float radius,
        const idx_t* assign, const float* centroid_dis, faiss::RangeSearchResult* result,
        faiss::IndexIVFStats& stats) {
    const ListsOfIVF lists(index, search, static_cast<size_t>(n), x, assign, centroid_dis);
    RangeRows rows(static_cast<size_t>(n), index.codec().metric(), radius, [&](Place place) {
        return lists.label(place);
    });
    count(stats, static_cast<size_t>(n),
          search_visits<CodesWithin>(
                  lists.search(), static_cast<size_t>(n), x, {lists.visits(), search.nprobe},
                  [&](size_t, double base) { return rows.collector(base); },
                  [&](size_t i, CodesWithin& found) { rows.write(i, found); }));
    rows.finish(result);
}

} // namespace bqq
