#include "ivf_search.h"

#include "checks.h"
#include "interleaved_lists.h"
#include "parallel/first_error.h"
#include "search/nearest.h"

#include <faiss/impl/AuxIndexStructures.h>
#include <faiss/impl/FaissAssert.h>
#include <faiss/impl/IDSelector.h>
#include <omp.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <typeinfo>

namespace bqq {

using kernels::kBlock;

// Queries projected together, so that the basis is read once for all of them.
constexpr idx_t kQueriesTogether = 48;

IVFKeys::IVFKeys(const IndexIVFBQQ& index)
        : index_(index),
          l2_(index.metric_type == faiss::METRIC_L2),
          coarse_is_comparable_(index.quantizer->metric_type == index.metric_type),
          unit_(index.bqq.basis().scale) {}

float IVFKeys::list_key(const float* x, idx_t list_no, float centroid_dis) const {
    double product = centroid_dis;
    if (!coarse_is_comparable_) {
        const auto d = static_cast<size_t>(index_.d);
        std::vector<float> centroid(d);
        index_.quantizer->reconstruct(list_no, centroid.data());
        product = 0;
        for (size_t j = 0; j < d; ++j) {
            const double c = centroid[j];
            const double difference = static_cast<double>(x[j]) - c;
            product += l2_ ? difference * difference : static_cast<double>(x[j]) * c;
        }
    }
    return static_cast<float>(
            l2_ ? product / (unit_ * unit_)
                : -static_cast<double>(index_.centroid_scale) * product / unit_);
}

float IVFKeys::distance(float key) const {
    const double k = key;
    return static_cast<float>(l2_ ? unit_ * unit_ * std::max(k, 0.0) : -unit_ * k);
}

float IVFKeys::key(float distance) const {
    const double d = distance;
    return static_cast<float>(l2_ ? d / (unit_ * unit_) : -d / unit_);
}

ScannedList::ScannedList(
        const faiss::InvertedLists& lists, const InterleavedSource* interleaved, size_t list_no)
        : interleaved_(interleaved), list_no_(list_no) {
    if (interleaved != nullptr) {
        codes_ = interleaved->codes(list_no);
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
    if (interleaved_ != nullptr) return interleaved_->ids(list_no_)[i];
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
              keys_(index),
              interleaved_(dynamic_cast<const InterleavedSource*>(index.invlists)) {}

    const IVFKeys& keys() const { return keys_; }

    std::vector<QueryScan> prepare(idx_t first, idx_t count) const {
        return prepare_scans(
                index_.bqq, static_cast<size_t>(count), x_ + first * index_.d, search_.scan);
    }

    /** One probe of one query.
     * @param most       codes to scan at most
     * @param threshold  () -> key above which codes do not count
     * @param candidate  (label, key)
     * @return number of codes scanned
     */
    template <class Threshold, class Candidate>
    size_t scan(
            const QueryScan& query, idx_t i, size_t probe, size_t most, Counts& counts,
            const Threshold& threshold, const Candidate& candidate) const {
        const size_t place = static_cast<size_t>(i) * search_.nprobe + probe;
        const idx_t list_no = assign_[place];
        if (list_no < 0) return 0; // the coarse quantizer found fewer
        FAISS_THROW_IF_NOT_FMT(
                list_no < static_cast<idx_t>(index_.nlist), "BQQ: list %ld of %zu",
                static_cast<long>(list_no), index_.nlist);
        const auto list = static_cast<size_t>(list_no);
        const size_t size = std::min(most, index_.invlists->list_size(list));
        if (size == 0) return 0;
        const ScannedList codes(*index_.invlists, interleaved_, list);
        const float list_key = keys_.list_key(x_ + i * index_.d, list_no, centroid_dis_[place]);
        query.run(
                codes.codes(), 0, (size + kBlock - 1) / kBlock,
                [&](size_t position) {
                    return position < size &&
                           (search_.sel == nullptr || search_.sel->is_member(codes.id(position)));
                },
                [&] { return threshold() - list_key; },
                [&](size_t position, float key) {
                    const idx_t label =
                            search_.store_pairs
                                    ? static_cast<idx_t>(faiss::lo_build(list, position))
                                    : codes.id(position);
                    candidate(label, list_key + key);
                });
        ++counts.lists;
        counts.codes += size;
        return size;
    }

    /// All probes of one query.
    void scan_all(
            const QueryScan& query, idx_t i, size_t k, Nearest& nearest, Counts& counts) const {
        size_t done = 0;
        const size_t limit =
                search_.max_codes == 0 ? std::numeric_limits<size_t>::max() : search_.max_codes;
        for (size_t probe = 0; probe < search_.nprobe; ++probe) {
            const bool go_on = search_.ensure_topk_full && nearest.size() < k;
            if (done >= limit && !go_on) return;
            const size_t most =
                    search_.ensure_topk_full ? std::numeric_limits<size_t>::max() : limit - done;
            done += scan(
                    query, i, probe, most, counts, [&] { return nearest.threshold(); },
                    [&](int64_t label, float key) { nearest.add(label, key); });
        }
    }

private:
    const IndexIVFBQQ& index_;
    const IVFSearch& search_;
    const float* x_;
    const idx_t* assign_;
    const float* centroid_dis_;
    IVFKeys keys_;
    const InterleavedSource* interleaved_;
};

/// Rows of distances and labels, as FAISS's parallel modes treat them.
class ResultRows {
public:
    ResultRows(
            const IndexIVFBQQ& index, const IVFKeys& keys, size_t k, float* distances,
            idx_t* labels)
            : keys_(keys),
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
        for (size_t rank = row; rank < row + k_; ++rank)
            if (labels_[rank] >= 0) nearest.add(labels_[rank], keys_.key(distances_[rank]));
        return nearest;
    }

    void finish(idx_t i, Nearest& nearest) const {
        const size_t row = static_cast<size_t>(i) * k_;
        std::fill_n(distances_ + row, k_, worst_);
        std::fill_n(labels_ + row, k_, idx_t{-1});
        size_t rank = 0;
        for (const auto& [key, label] : nearest.sorted()) {
            // Worst first is a heap, too.
            const size_t place = row + (as_heaps_ ? k_ - 1 - rank : rank);
            distances_[place] = keys_.distance(key);
            labels_[place] = label;
            ++rank;
        }
    }

private:
    const IVFKeys& keys_;
    size_t k_;
    float* distances_;
    idx_t* labels_;
    float worst_;
    bool as_heaps_;
};

/// Modes 0 and 3: queries in parallel.
void search_by_query(
        const ListScans& lists, const ResultRows& rows, idx_t n, size_t k, size_t expected,
        faiss::IndexIVFStats& stats) {
    // Small groups where there are few queries for each thread.
    const auto threads = static_cast<idx_t>(omp_in_parallel() != 0 ? 1 : omp_get_max_threads());
    const idx_t together = std::clamp<idx_t>((n + threads - 1) / threads, 1, kQueriesTogether);
    const idx_t groups = (n + together - 1) / together;
    FirstError error;
#pragma omp parallel for schedule(dynamic) if (groups > 1 && threads > 1)
    for (idx_t group = 0; group < groups; ++group)
        error.guard([&] {
            const idx_t first = group * together;
            const idx_t count = std::min(together, n - first);
            const std::vector<QueryScan> queries = lists.prepare(first, count);
            Counts counts;
            for (idx_t i = 0; i < count; ++i) {
                Nearest nearest = rows.start(first + i, expected);
                lists.scan_all(queries[static_cast<size_t>(i)], first + i, k, nearest, counts);
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
        const std::vector<QueryScan> queries = lists.prepare(first, count);
        std::vector<Nearest> nearest;
        for (idx_t i = 0; i < count; ++i) nearest.push_back(rows.start(first + i, expected));
        const auto pairs = static_cast<int64_t>(static_cast<size_t>(count) * nprobe);
        FirstError error;
#pragma omp parallel
        {
            std::vector<Nearest> local(queries.size(), Nearest(k));
            Counts counts;
#pragma omp for schedule(dynamic) nowait
            for (int64_t pair = 0; pair < pairs; ++pair)
                error.guard([&] {
                    const size_t i = static_cast<size_t>(pair) / nprobe;
                    lists.scan(
                            queries[i], first + static_cast<idx_t>(i),
                            static_cast<size_t>(pair) % nprobe, std::numeric_limits<size_t>::max(),
                            counts, [&] { return local[i].threshold(); },
                            [&](int64_t label, float key) { local[i].add(label, key); });
                });
#pragma omp critical(bqq_ivf_stats)
            {
                error.guard([&] {
                    for (size_t i = 0; i < local.size(); ++i)
                        for (const auto& [key, label] : local[i].sorted())
                            nearest[i].add(label, key);
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
    const ResultRows rows(index, lists.keys(), most, distances, labels);
    const auto expected = static_cast<size_t>(index.ntotal);
    stats.nq += static_cast<size_t>(n);
    if (mode == 0 || mode == 3)
        search_by_query(lists, rows, n, most, expected, stats);
    else
        search_by_list(
                lists, rows, n, most, search.nprobe, mode == 1 ? 1 : kQueriesTogether, expected,
                stats);
}

void range_search_lists(
        const IndexIVFBQQ& index, const IVFSearch& search, idx_t n, const float* x, float radius,
        const idx_t* assign, const float* centroid_dis, faiss::RangeSearchResult* result,
        faiss::IndexIVFStats& stats) {
    const ListScans lists(index, search, x, assign, centroid_dis);
    const float threshold = lists.keys().key(radius);
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
                const std::vector<QueryScan> query = lists.prepare(i, 1);
                for (size_t probe = 0; probe < search.nprobe; ++probe)
                    lists.scan(
                            query.front(), i, probe, std::numeric_limits<size_t>::max(), counts,
                            [&] { return threshold; },
                            [&](int64_t label, float key) {
                                if (key < threshold) row.add(lists.keys().distance(key), label);
                            });
            });
        partial.finalize();
#pragma omp critical(bqq_ivf_stats)
        counts.add_to(stats);
    }
    error.rethrow();
}

} // namespace bqq
