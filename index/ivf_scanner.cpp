#include "index/ivf_scanner.h"

#include <faiss/impl/AuxIndexStructures.h>
#include <faiss/impl/IDSelector.h>

namespace bqq {

IVFScanner::IVFScanner(
        const IndexIVFBQQ& index, bool pairs, const faiss::IDSelector* selector,
        const ScanParameters& parameters)
        : faiss::InvertedListScanner(pairs, selector),
          index_(index),
          parameters_(parameters),
          list_ranks_(index) {
    keep_max = index.metric_type == faiss::METRIC_INNER_PRODUCT;
    code_size = index.code_size;
}

void IVFScanner::set_query(const float* x) {
    x_ = x;
    queries_.assign(index_.bqq.groups(), {});
}

void IVFScanner::set_list(idx_t list, float coarse_dis) {
    list_no = list;
    const auto number = static_cast<size_t>(list);
    ranks_ = list_ranks_.of_list(x_, number, coarse_dis);
    group_ = index_.list_groups[number];
    if (queries_[group_].empty())
        queries_[group_] = prepare_scans(index_.bqq.group(group_), 1, x_, parameters_);
}

float IVFScanner::distance_to_code(const uint8_t* code) const {
    const float key = queries_[group_].front().key(code, 1);
    return list_ranks_.units().distance(static_cast<double>(ranks_.rank(key)));
}

void IVFScanner::scan_codes_range(
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
