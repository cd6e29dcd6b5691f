#pragma once

#include "search/query_scan.h"

#include <bqq/index/IndexIVFBQQ.h>

#include <optional>
#include <vector>

namespace bqq {

/// Distances to codes one at a time, as rows.
struct ListScanner : faiss::InvertedListScanner {
    ListScanner(
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
    const float* x_ = nullptr;
    std::vector<std::optional<QueryScan>> queries_; ///< for each basis that was needed
    const QueryScan* query_ = nullptr;              ///< for the list
    double offset_ = 0;                             ///< of the list
};

} // namespace bqq
