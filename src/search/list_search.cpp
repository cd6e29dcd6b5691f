#include "search/list_search.h"

#include "base/parallel_for.h"

#include <algorithm>
#include <atomic>

namespace bqq {

namespace {

using kernels::InterleavedCodes;
using kernels::kBlock;

/// Scans blocks [begin, end) of a list, of which the first `most` codes count.
template <class Collector>
void scan(
        const ListSearch& search, const QueryScan& query, const InterleavedCodes& codes,
        size_t begin, size_t end, size_t most, const Visit& visit, LeftOut* left_out,
        Collector& collector) {
    const auto list = static_cast<size_t>(visit.list);
    const double offset = visit.offset - collector.base();
    query.run(
            codes, begin, end,
            [&](size_t position) {
                return position < most && (!search.allowed || search.allowed({list, position}));
            },
            [&] { return static_cast<float>(static_cast<double>(collector.threshold()) - offset); },
            [&](size_t position, float key) {
                collector.add(
                        {list, position}, static_cast<float>(static_cast<double>(key) + offset));
            },
            left_out);
}

/// Queries of one batch at most, so that each thread has some.
size_t queries_together(size_t n, size_t most) {
    const auto threads = static_cast<size_t>(omp_in_parallel() != 0 ? 1 : omp_get_max_threads());
    return std::clamp<size_t>((n + threads - 1) / threads, 1, most);
}

/// Queries that pass together over a piece of a list small enough for the second-level cache.
template <class Collector>
class AllLists {
public:
    AllLists(const ListSearch& search, size_t n, const float* x)
            : search_(search), n_(n), x_(x), offsets_(n * search.nlist), nearest_(n), left_out_(n) {
        const size_t d = search.quantizer.d();
        for (size_t i = 0; i < n; ++i) {
            double* offsets = offsets_.data() + i * search.nlist;
            for (size_t l = 0; l < search.nlist; ++l)
                offsets[l] = list_offset(
                        search.quantizer.metric(), x + i * d, search.quantizer.basis(l).mean.data(),
                        d);
            nearest_[i] = static_cast<size_t>(
                    std::min_element(offsets, offsets + search.nlist) - offsets);
        }
    }

    double base(size_t i) const { return offsets_[i * search_.nlist + nearest_[i]]; }

    /// The nearest list of each query first, so that few codes of the others come near its
    /// threshold.
    void run(std::vector<Collector>& collectors) {
        std::vector<size_t> queries;
        for (const bool is_nearest : {true, false})
            for (size_t l = 0; l < search_.nlist; ++l) {
                queries.clear();
                for (size_t i = 0; i < n_; ++i)
                    if ((nearest_[i] == l) == is_nearest) queries.push_back(i);
                scan_list(l, queries, collectors);
            }
    }

private:
    static constexpr size_t kPieceBytes = 256 << 10;

    const ListSearch& search_;
    size_t n_;
    const float* x_;
    std::vector<double> offsets_;   ///< n x nlist
    std::vector<size_t> nearest_;   ///< list of each query
    std::vector<LeftOut> left_out_; ///< likewise

    void scan_list(
            size_t list, const std::vector<size_t>& queries, std::vector<Collector>& collectors) {
        std::vector<uint8_t> buffer;
        const InterleavedCodes codes = search_.lists.codes(list, buffer);
        if (queries.empty() || codes.size == 0) return;
        const std::vector<QueryScan> scans = prepare_scans(
                search_.quantizer.basis(search_.basis(list)), queries, x_, search_.parameters);
        const size_t piece = std::max<size_t>(1, kPieceBytes / (kBlock * codes.code_size));
        // A range search has no best codes so far.
        constexpr bool kMayLeave = std::is_same_v<Collector, NearestCodes>;
        for (size_t begin = 0; begin < codes.blocks(); begin += piece)
            for (size_t i = 0; i < queries.size(); ++i) {
                const size_t q = queries[i];
                const Visit visit{static_cast<int64_t>(list), offsets_[q * search_.nlist + list]};
                scan(search_, scans[i], codes, begin, std::min(begin + piece, codes.blocks()),
                     codes.size, visit, kMayLeave ? &left_out_[q] : nullptr, collectors[q]);
            }
    }
};

/// Queries of a batch, prepared for the bases of the lists that they visit.
class PreparedQueries {
public:
    PreparedQueries(
            const ListSearch& search, size_t n, const float* x, const Visit* visits,
            size_t per_query)
            : bases_(search.quantizer.bases()), scans_(n * bases_), held_(bases_) {
        std::vector<std::vector<size_t>> visitors(bases_);
        for (size_t i = 0; i < n; ++i)
            for (size_t v = 0; v < per_query; ++v) {
                const int64_t list = visits[i * per_query + v].list;
                if (list < 0) continue;
                std::vector<size_t>& of_basis = visitors[search.basis(static_cast<size_t>(list))];
                if (of_basis.empty() || of_basis.back() != i) of_basis.push_back(i);
            }
        for (size_t b = 0; b < bases_; ++b) {
            if (visitors[b].empty()) continue;
            held_[b] = prepare_scans(search.quantizer.basis(b), visitors[b], x, search.parameters);
            for (size_t i = 0; i < visitors[b].size(); ++i)
                scans_[visitors[b][i] * bases_ + b] = &held_[b][i];
        }
    }

    const QueryScan& scan(size_t query, size_t basis) const {
        return *scans_[query * bases_ + basis];
    }

private:
    size_t bases_;
    std::vector<const QueryScan*> scans_; ///< at query * bases + basis
    std::vector<std::vector<QueryScan>> held_;
};

/// Visits of one query, every `step`-th from `first` on.
template <class Collector>
ScanCounts scan_visits(
        const ListSearch& search, const VisitPlan& plan, const PreparedQueries& queries, size_t i,
        std::span<const Visit> visits, size_t first, size_t step, std::vector<uint8_t>& buffer,
        Collector& collector) {
    ScanCounts counts;
    for (size_t v = first; v < visits.size(); v += step) {
        if (counts.codes >= plan.max_codes && collector.size() >= plan.wanted) break;
        if (visits[v].list < 0) continue; // the coarse quantizer found fewer
        const auto list = static_cast<size_t>(visits[v].list);
        const size_t limit = plan.wanted > 0 ? std::numeric_limits<size_t>::max()
                                             : plan.max_codes - counts.codes;
        const size_t most = std::min(limit, search.lists.size(list));
        if (most == 0) continue;
        const InterleavedCodes codes = search.lists.codes(list, buffer);
        scan(search, queries.scan(i, search.basis(list)), codes, 0, (most + kBlock - 1) / kBlock,
             most, visits[v], nullptr, collector);
        ++counts.lists;
        counts.codes += most;
    }
    return counts;
}

/** Queries that are projected together, so that a basis is expanded once for all of them. Of
 * several bases, each is visited by a part of them.
 */
size_t most_together(const Quantizer& quantizer, size_t per_query) {
    constexpr size_t kOfOneBasis = 48;
    constexpr size_t kOfSeveral = 128;
    constexpr size_t kMaxPrepared = 2048; // queries times bases, which bounds what is held
    if (quantizer.bases() == 1) return kOfOneBasis;
    return std::max<size_t>(
            1, std::min(kOfSeveral, kMaxPrepared / std::min(quantizer.bases(), per_query)));
}

double first_offset(std::span<const Visit> visits) {
    for (const Visit& visit : visits)
        if (visit.list >= 0) return visit.offset;
    return 0;
}

} // namespace

template <class Collector>
void search_all_lists(
        const ListSearch& search, size_t n, const float* x, const MakeCollector<Collector>& make,
        const FinishQuery<Collector>& finish) {
    constexpr size_t kTogether = 32;
    parallel_ranges_with(
            n, queries_together(n, kTogether), [] { return std::vector<Collector>(); },
            [&](std::vector<Collector>& collectors, size_t first, size_t last) {
                AllLists<Collector> all(search, last - first, x + first * search.quantizer.d());
                collectors.clear();
                for (size_t i = first; i < last; ++i)
                    collectors.push_back(make(i, all.base(i - first)));
                all.run(collectors);
                for (size_t i = first; i < last; ++i) finish(i, collectors[i - first]);
            });
}

template <class Collector>
ScanCounts search_visits(
        const ListSearch& search, size_t n, const float* x, const VisitPlan& plan,
        const MakeCollector<Collector>& make, const FinishQuery<Collector>& finish) {
    std::atomic<size_t> lists = 0;
    std::atomic<size_t> codes = 0;
    const size_t d = search.quantizer.d();
    const auto visits_of = [&](size_t i) {
        return plan.visits.subspan(i * plan.per_query, plan.per_query);
    };
    const auto count = [&](const ScanCounts& counts) {
        lists += counts.lists;
        codes += counts.codes;
    };
    const auto prepare = [&](size_t first, size_t last) {
        return PreparedQueries(
                search, last - first, x + first * d, plan.visits.data() + first * plan.per_query,
                plan.per_query);
    };
    const size_t most = most_together(search.quantizer, plan.per_query);
    using Buffer = std::vector<uint8_t>;
    if (plan.slices == 1) {
        parallel_ranges_with(
                n, queries_together(n, most), [] { return Buffer(); },
                [&](Buffer& buffer, size_t first, size_t last) {
                    const PreparedQueries queries = prepare(first, last);
                    for (size_t i = first; i < last; ++i) {
                        Collector collector = make(i, first_offset(visits_of(i)));
                        count(scan_visits(
                                search, plan, queries, i - first, visits_of(i), 0, 1, buffer,
                                collector));
                        finish(i, collector);
                    }
                });
        return {lists, codes};
    }
    for (size_t first = 0; first < n; first += most) {
        const size_t last = std::min(n, first + most);
        const PreparedQueries queries = prepare(first, last);
        std::vector<Collector> parts;
        for (size_t i = first; i < last; ++i)
            for (size_t s = 0; s < plan.slices; ++s)
                parts.push_back(make(i, first_offset(visits_of(i))));
        parallel_for_with(
                parts.size(), [] { return Buffer(); },
                [&](Buffer& buffer, size_t part) {
                    const size_t i = part / plan.slices;
                    count(scan_visits(
                            search, plan, queries, i, visits_of(first + i), part % plan.slices,
                            plan.slices, buffer, parts[part]));
                });
        for (size_t i = first; i < last; ++i) {
            Collector& whole = parts[(i - first) * plan.slices];
            for (size_t s = 1; s < plan.slices; ++s)
                whole.add_all(parts[(i - first) * plan.slices + s]);
            finish(i, whole);
        }
    }
    return {lists, codes};
}

template void search_all_lists(
        const ListSearch&, size_t, const float*, const MakeCollector<NearestCodes>&,
        const FinishQuery<NearestCodes>&);
template ScanCounts search_visits(
        const ListSearch&, size_t, const float*, const VisitPlan&,
        const MakeCollector<NearestCodes>&, const FinishQuery<NearestCodes>&);
template void search_all_lists(
        const ListSearch&, size_t, const float*, const MakeCollector<CodesWithin>&,
        const FinishQuery<CodesWithin>&);
template ScanCounts search_visits(
        const ListSearch&, size_t, const float*, const VisitPlan&,
        const MakeCollector<CodesWithin>&, const FinishQuery<CodesWithin>&);

} // namespace bqq
