#include "index/list_scanner.h"

#include "index/ivf_search.h"
#include "index/results.h"

#include <faiss/impl/AuxIndexStructures.h>
#include <faiss/impl/IDSelector.h>

namespace bqq {

ListScanner::ListScanner(
        const IndexIVFBQQ& index, bool pairs, const faiss::IDSelector* selector,
        const ScanParameters& parameters)
        : faiss::InvertedListScanner(pairs, selector), index_(index), parameters_(parameters) {
    keep_max = index.metric_type == faiss::METRIC_INNER_PRODUCT;
    code_size = index.code_size;
}

void ListScanner::set_query(const float* x) {
    x_ = x;
    queries_.assign(index_.codec().bases(), std::nullopt);
}

void ListScanner::set_list(idx_t list, float coarse_dis) {
    list_no = list;
    offset_ = visit_offset(index_, x_, list, coarse_dis);
    const size_t basis = index_.list_basis()[static_cast<size_t>(list)];
    if (!queries_[basis]) {
        const size_t first = 0;
        queries_[basis] = std::move(
                prepare_scans(index_.codec().basis(basis), {&first, 1}, x_, parameters_).front());
    }
    query_ = &*queries_[basis];
}

float ListScanner::distance_to_code(const uint8_t* code) const {
    return to_distance(
            index_.codec().metric(), static_cast<double>(query_->key(code, 1)) + offset_);
}

void ListScanner::scan_codes_range(
        size_t n, const uint8_t* codes, const idx_t* ids, float radius,
        faiss::RangeQueryResult& result) const {
    for (size_t i = 0; i < n; ++i) {
        if (sel != nullptr && !sel->is_member(ids[i])) continue;
        const float distance = distance_to_code(codes + i * code_size);
        const bool within = keep_max ? distance > radius : distance < radius;
        if (within)
            result.add(
                    distance, store_pairs ? static_cast<idx_t>(faiss::lo_build(
                                                    static_cast<uint64_t>(list_no), i))
                                          : ids[i]);
    }
}

} // namespace bqq
