#include "index/ivf_search.h"

#include "index/checks.h"
#include "index/interleaved_lists.h"
#include "nearest/nearest.h"
#include "base/parallel_for.h"
#include "search/query_scan.h"

#include <faiss/impl/AuxIndexStructures.h>
#include <faiss/impl/FaissAssert.h>
#include <faiss/impl/IDSelector.h>
#include <omp.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <span>
#include <typeinfo>
#include <utility>

namespace bqq {

using kernels::kBlock;

IVFRanks::IVFRanks(const IndexIVFBQQ& index)
        : index_(index),
          units_(index.bqq),
          coarse_is_comparable_(index.quantizer->metric_type == index.metric_type) {}

Ranks IVFRanks::of_list(const float* x, size_t list, float centroid_dis) const {
    double distance = centroid_dis;
    if (!coarse_is_comparable_) {
        const auto d = static_cast<size_t>(index_.d);
        std::vector<float> centroid(d);
        index_.quantizer->reconstruct(static_cast<idx_t>(list), centroid.data());
        distance = 0;
        for (size_t j = 0; j < d; ++j) {
            const double c = centroid[j];
            const double difference = static_cast<double>(x[j]) - c;
            distance += units_.l2() ? difference * difference : static_cast<double>(x[j]) * c;
        }
    }
    if (!units_.l2()) distance *= static_cast<double>(index_.centroid_scale);
    return {units_.of_group(index_.bqq.group(index_.list_groups[list])), units_.rank(distance)};
}

ScannedList::ScannedList(
        const faiss::InvertedLists& lists, const InterleavedSource* interleaved, size_t list_no) {
    if (interleaved != nullptr) {
        codes_ = interleaved->codes(list_no);
        packed_ids_ = interleaved->ids(list_no);
        return;
    }
    const size_t size = lists.list_size(list_no);
    const faiss::InvertedLists::ScopedCodes rows(&lists, list_no);
    bytes_.resize(size * lists.code_size + kernels::kSlack);
    for (size_t i = 0; i < size; i += kBlock)
        interleave(
                rows.codes + i * lists.code_size, std::min(kBlock, size - i), lists.code_size,
                bytes_.data() + i * lists.code_size);
    codes_ = {bytes_.data(), size, lists.code_size};
    ids_ = std::make_unique<faiss::InvertedLists::ScopedIds>(&lists, list_no);
}

idx_t ScannedList::id(size_t i) const {
    if (ids_ == nullptr) return packed_ids_[i];
    // On-disk lists put ids behind the codes, wherever these end.
    idx_t id = 0;
    std::memcpy(&id, reinterpret_cast<const char*>(ids_->get()) + i * sizeof id, sizeof id);
    return id;
}

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
    if (params != nullptr) {
        const auto* ours = dynamic_cast<const IVFSearchParametersBQQ*>(params);
        FAISS_THROW_IF_NOT_FMT(
                ours != nullptr || typeid(*params) == typeid(faiss::SearchParametersIVF),
                "BQQ: search parameters of class %s, must be SearchParametersIVF or "
                "IVFSearchParametersBQQ",
                typeid(*params).name());
        const auto& ivf = dynamic_cast<const faiss::SearchParametersIVF&>(*params);
        search.nprobe = ivf.nprobe;
        search.max_codes = ivf.max_codes;
        search.ensure_topk_full = ensure_topk_full(&ivf);
        search.sel = ivf.sel;
        if (ours != nullptr) search.scan = checked_scan_parameters(ours->query_bits, ours->margin);
    }
    FAISS_THROW_IF_NOT_FMT(
            search.nprobe > 0, "BQQ: nprobe = %zu, must be at least 1", search.nprobe);
    search.nprobe = std::min(search.nprobe, index.nlist);
    check_lists(index);
    return search;
}

namespace {

/// Counts of one thread.
struct Counts {
    size_t lists = 0;
    size_t codes = 0;
    void add_to(faiss::IndexIVFStats& stats) const {
        stats.nlist += lists;
        stats.ndis += codes;
    }
};

/// Queries that are projected together, each in front of the groups that its probes visit.
class PreparedQueries {
public:
    PreparedQueries(idx_t first, idx_t count, size_t groups)
            : first_(first), groups_(groups), scans_(static_cast<size_t>(count) * groups) {}

    /// @param queries  which they are of those prepared
    void add(size_t group, std::span<const size_t> queries, std::vector<QueryScan> scans) {
        for (size_t i = 0; i < queries.size(); ++i)
            scans_[queries[i] * groups_ + group] = &scans[i];
        held_.push_back(std::move(scans));
    }

    /// Query i of the call in front of a group that it visits.
    const QueryScan& scan(idx_t i, size_t group) const {
        return *scans_[static_cast<size_t>(i - first_) * groups_ + group];
    }

private:
    idx_t first_;
    size_t groups_;
    std::vector<const QueryScan*> scans_; ///< at query * groups_ + group; nullptr where not visited
    std::vector<std::vector<QueryScan>> held_;
};

/// Passes over lists, for the queries of one call.
class ListScans {
public:
    ListScans(
            const IndexIVFBQQ& index, const IVFSearch& search, const float* x, const idx_t* assign,
            const float* centroid_dis)
            : index_(index),
              search_(search),
              x_(x),
              assign_(assign),
              centroid_dis_(centroid_dis),
              ranks_(index),
              interleaved_(dynamic_cast<const InterleavedSource*>(index.invlists)) {}

    const CommonUnits& units() const { return ranks_.units(); }

    PreparedQueries prepare(idx_t first, idx_t count) const {
        const auto n = static_cast<size_t>(count);
        const size_t groups = index_.bqq.groups();
        std::vector<std::vector<size_t>> visitors(groups);
        for (size_t i = 0; i < n; ++i)
            for (size_t probe = 0; probe < search_.nprobe; ++probe) {
                const idx_t list_no =
                        assign_[(static_cast<size_t>(first) + i) * search_.nprobe + probe];
                if (list_no < 0) continue; // the coarse quantizer found fewer
                FAISS_THROW_IF_NOT_FMT(
                        list_no < static_cast<idx_t>(index_.nlist), "BQQ: list %ld of %zu",
                        static_cast<long>(list_no), index_.nlist);
                std::vector<size_t>& of_group =
                        visitors[index_.list_groups[static_cast<size_t>(list_no)]];
                if (of_group.empty() || of_group.back() != i) of_group.push_back(i);
            }
        PreparedQueries queries(first, count, groups);
        for (size_t g = 0; g < groups; ++g)
            queries.add(
                    g, visitors[g],
                    prepare_scans(
                            index_.bqq.group(g), visitors[g], x_ + first * index_.d, search_.scan));
        return queries;
    }

    /** One probe of one query.
     * @param most       codes to scan at most
     * @param threshold  () -> rank above which codes do not count
     * @param candidate  (label, rank)
     * @return number of codes scanned
     */
    template <class Threshold, class Candidate>
    size_t scan(
            const PreparedQueries& queries, idx_t i, size_t probe, size_t most, Counts& counts,
            const Threshold& threshold, const Candidate& candidate) const {
        const size_t place = static_cast<size_t>(i) * search_.nprobe + probe;
        const idx_t list_no = assign_[place];
        if (list_no < 0) return 0;
        const auto list = static_cast<size_t>(list_no);
        const size_t size = std::min(most, index_.invlists->list_size(list));
        if (size == 0) return 0;
        const ScannedList codes(*index_.invlists, interleaved_, list);
        const Ranks ranks = ranks_.of_list(x_ + i * index_.d, list, centroid_dis_[place]);
        const QueryScan& query = queries.scan(i, index_.list_groups[list]);
        query.run(
                codes.codes(), 0, (size + kBlock - 1) / kBlock,
                [&](size_t position) {
                    return position < size &&
                           (search_.sel == nullptr || search_.sel->is_member(codes.id(position)));
                },
                [&] { return ranks.key(threshold()); },
                [&](size_t position, float key) {
                    const idx_t label =
                            search_.store_pairs
                                    ? static_cast<idx_t>(faiss::lo_build(list, position))
                                    : codes.id(position);
                    candidate(label, ranks.rank(key));
                });
        ++counts.lists;
        counts.codes += size;
        return size;
    }

    /// All probes of one query.
    void scan_all(
            const PreparedQueries& queries, idx_t i, size_t k, Nearest& nearest,
            Counts& counts) const {
        size_t done = 0;
        const size_t limit =
                search_.max_codes == 0 ? std::numeric_limits<size_t>::max() : search_.max_codes;
        for (size_t probe = 0; probe < search_.nprobe; ++probe) {
            const bool go_on = search_.ensure_topk_full && nearest.size() < k;
            if (done >= limit && !go_on) return;
            const size_t most =
                    search_.ensure_topk_full ? std::numeric_limits<size_t>::max() : limit - done;
            done += scan(
                    queries, i, probe, most, counts, [&] { return nearest.threshold(); },
                    [&](int64_t label, float rank) { nearest.add(label, rank); });
        }
    }

private:
    const IndexIVFBQQ& index_;
    const IVFSearch& search_;
    const float* x_;
    const idx_t* assign_;
    const float* centroid_dis_;
    IVFRanks ranks_;
    const InterleavedSource* interleaved_;
};

/// Rows of distances and labels, as FAISS's parallel modes treat them.
class ResultRows {
public:
    ResultRows(
            const IndexIVFBQQ& index, const CommonUnits& units, size_t k, float* distances,
            idx_t* labels)
            : units_(units),
              k_(k),
              distances_(distances),
              labels_(labels),
              worst_(index.metric_type == faiss::METRIC_L2 ? std::numeric_limits<float>::max()
                                                           : std::numeric_limits<float>::lowest()),
              as_heaps_((index.parallel_mode & index.PARALLEL_MODE_NO_HEAP_INIT) != 0) {}

    /// What query i starts from: nothing, or the heap that the caller hands over.
    Nearest start(idx_t i, size_t expected) const {
        Nearest nearest(k_, expected);
        if (!as_heaps_) return nearest;
        const size_t row = static_cast<size_t>(i) * k_;
        for (size_t place = row; place < row + k_; ++place)
            if (labels_[place] >= 0)
                nearest.add(
                        labels_[place],
                        static_cast<float>(units_.rank(static_cast<double>(distances_[place]))));
        return nearest;
    }

    void finish(idx_t i, Nearest& nearest) const {
        const size_t row = static_cast<size_t>(i) * k_;
        std::fill_n(distances_ + row, k_, worst_);
        std::fill_n(labels_ + row, k_, idx_t{-1});
        size_t better = 0;
        for (const auto& [rank, label] : nearest.sorted()) {
            // Worst first is a heap, too.
            const size_t place = row + (as_heaps_ ? k_ - 1 - better : better);
            distances_[place] = units_.distance(static_cast<double>(rank));
            labels_[place] = label;
            ++better;
        }
    }

private:
    const CommonUnits& units_;
    size_t k_;
    float* distances_;
    idx_t* labels_;
    float worst_;
    bool as_heaps_;
};

/** Queries projected together, so that a basis is read once for all of them. Of several bases, each is visited by a
 * part of them: with 16 groups and nprobe 16, Fashion-MNIST takes 100 us a query for 48 together and 82 for 192. What
 * is held of them in front of the groups is bounded.
 */
idx_t queries_together(const IndexIVFBQQ& index, size_t nprobe) {
    constexpr size_t kOfOneBasis = 48;
    constexpr size_t kOfGroups = 192;
    constexpr size_t kScans = 3072;
    const size_t visited = std::min(index.bqq.groups(), nprobe);
    return static_cast<idx_t>(
            index.bqq.groups() == 1 ? kOfOneBasis : std::min(kOfGroups, kScans / visited));
}

/// Modes 0 and 3: queries in parallel.
void search_by_query(
        const ListScans& lists, const ResultRows& rows, idx_t n, size_t k, idx_t most_together,
        size_t expected, faiss::IndexIVFStats& stats) {
    // Small batches where there are few queries for each thread.
    const auto threads = static_cast<idx_t>(omp_in_parallel() != 0 ? 1 : omp_get_max_threads());
    const idx_t together = std::clamp<idx_t>((n + threads - 1) / threads, 1, most_together);
    const idx_t batches = (n + together - 1) / together;
    FirstError error;
#pragma omp parallel for schedule(dynamic) if (batches > 1 && threads > 1)
    for (idx_t batch = 0; batch < batches; ++batch)
        error.guard([&] {
            const idx_t first = batch * together;
            const idx_t count = std::min(together, n - first);
            const PreparedQueries queries = lists.prepare(first, count);
            Counts counts;
            for (idx_t i = 0; i < count; ++i) {
                Nearest nearest = rows.start(first + i, expected);
                lists.scan_all(queries, first + i, k, nearest, counts);
                rows.finish(first + i, nearest);
            }
#pragma omp critical(bqq_ivf_stats)
            counts.add_to(stats);
        });
    error.rethrow();
}

/// Modes 1 and 2: the lists of a query, or of several, in parallel.
void search_by_list(
        const ListScans& lists, const ResultRows& rows, idx_t n, size_t k, size_t nprobe,
        idx_t together, size_t expected, faiss::IndexIVFStats& stats) {
    for (idx_t first = 0; first < n; first += together) {
        const idx_t count = std::min(together, n - first);
        const PreparedQueries queries = lists.prepare(first, count);
        std::vector<Nearest> nearest;
        for (idx_t i = 0; i < count; ++i) nearest.push_back(rows.start(first + i, expected));
        const auto pairs = static_cast<int64_t>(static_cast<size_t>(count) * nprobe);
        FirstError error;
#pragma omp parallel
        {
            std::vector<Nearest> local(nearest.size(), Nearest(k));
            Counts counts;
#pragma omp for schedule(dynamic) nowait
            for (int64_t pair = 0; pair < pairs; ++pair)
                error.guard([&] {
                    const size_t i = static_cast<size_t>(pair) / nprobe;
                    lists.scan(
                            queries, first + static_cast<idx_t>(i),
                            static_cast<size_t>(pair) % nprobe, std::numeric_limits<size_t>::max(),
                            counts, [&] { return local[i].threshold(); },
                            [&](int64_t label, float rank) { local[i].add(label, rank); });
                });
#pragma omp critical(bqq_ivf_stats)
            {
                error.guard([&] {
                    for (size_t i = 0; i < local.size(); ++i)
                        for (const auto& [rank, label] : local[i].sorted())
                            nearest[i].add(label, rank);
                });
                counts.add_to(stats);
            }
        }
        error.rethrow();
        for (idx_t i = 0; i < count; ++i) rows.finish(first + i, nearest[static_cast<size_t>(i)]);
    }
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
    const ListScans lists(index, search, x, assign, centroid_dis);
    const auto most = static_cast<size_t>(k);
    const ResultRows rows(index, lists.units(), most, distances, labels);
    const auto expected = static_cast<size_t>(index.ntotal);
    const idx_t together = queries_together(index, search.nprobe);
    stats.nq += static_cast<size_t>(n);
    if (mode == 0 || mode == 3)
        search_by_query(lists, rows, n, most, together, expected, stats);
    else
        search_by_list(
                lists, rows, n, most, search.nprobe, mode == 1 ? 1 : together, expected, stats);
}

void range_search_lists(
        const IndexIVFBQQ& index, const IVFSearch& search, idx_t n, const float* x, float radius,
        const idx_t* assign, const float* centroid_dis, faiss::RangeSearchResult* result,
        faiss::IndexIVFStats& stats) {
    const ListScans lists(index, search, x, assign, centroid_dis);
    const auto threshold = static_cast<float>(lists.units().rank(static_cast<double>(radius)));
    stats.nq += static_cast<size_t>(n);
    FirstError error;
#pragma omp parallel if (n > 1)
    {
        faiss::RangeSearchPartialResult partial(result);
        Counts counts;
#pragma omp for schedule(dynamic)
        for (idx_t i = 0; i < n; ++i)
            error.guard([&] {
                faiss::RangeQueryResult& row = partial.new_result(i);
                const PreparedQueries query = lists.prepare(i, 1);
                for (size_t probe = 0; probe < search.nprobe; ++probe)
                    lists.scan(
                            query, i, probe, std::numeric_limits<size_t>::max(), counts,
                            [&] { return threshold; },
                            [&](int64_t label, float rank) {
                                if (rank < threshold)
                                    row.add(lists.units().distance(static_cast<double>(rank)),
                                            label);
                            });
            });
        partial.finalize();
#pragma omp critical(bqq_ivf_stats)
        counts.add_to(stats);
    }
    error.rethrow();
}

} // namespace bqq
