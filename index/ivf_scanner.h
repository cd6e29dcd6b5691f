#pragma once

#include "index/ivf_search.h"
#include "search/query_scan.h"

#include <bqq/index/IndexIVFBQQ.h>

#include <vector>

namespace bqq {

/// Distances to codes one at a time, as rows.
struct IVFScanner : faiss::InvertedListScanner {
    IVFScanner(
            const IndexIVFBQQ& index, bool store_pairs, const faiss::IDSelector* sel,
            const ScanParameters& parameters);

    void set_query(const float* x) override;
    void set_list(idx_t list_no, float coarse_dis) override;
    float distance_to_code(const uint8_t* code) const override;
    void scan_codes_range(
            size_t n, const uint8_t* codes, const idx_t* ids, float radius,
            faiss::RangeQueryResult& result) const override;

private:
    const IndexIVFBQQ& index_;
    ScanParameters parameters_;
    IVFRanks list_ranks_;
    const float* x_ = nullptr;
    std::vector<std::vector<QueryScan>> queries_; ///< one for each group that was visited, or none
    size_t group_ = 0;                            ///< of the list
    Ranks ranks_{1, 0};                           ///< of the list
};

} // namespace bqq
