#include "ivf_scanner.h"

#include <faiss/impl/AuxIndexStructures.h>
#include <faiss/impl/IDSelector.h>

namespace bqq {

IVFScanner::IVFScanner(
        const IndexIVFBQQ& index, bool pairs, const faiss::IDSelector* selector,
        const ScanParameters& parameters)
        : faiss::InvertedListScanner(pairs, selector),
          index_(index),
          parameters_(parameters),
          keys_(index) {
    keep_max = index.metric_type == faiss::METRIC_INNER_PRODUCT;
    code_size = index.code_size;
}

void IVFScanner::set_query(const float* x) {
    x_ = x;
    query_ = prepare_scans(index_.bqq, 1, x, parameters_);
}

void IVFScanner::set_list(idx_t list, float coarse_dis) {
    list_no = list;
    list_key_ = keys_.list_key(x_, list, coarse_dis);
}

float IVFScanner::distance_to_code(const uint8_t* code) const {
    return keys_.distance(list_key_ + query_.front().key(code, 1));
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
