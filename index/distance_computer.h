#pragma once

#include "search/query_scan.h"
#include "store/code_lists.h"

#include <bqq/index/IndexBQQ.h>
#include <faiss/impl/DistanceComputer.h>

#include <optional>
#include <vector>

namespace bqq {

/// Distances to the codes of a flat index.
struct CodeDistanceComputer : faiss::DistanceComputer {
    CodeDistanceComputer(const Quantizer& codec, const CodeLists& lists);

    void set_query(const float* x) override;
    float operator()(idx_t i) override;

    /** Distance between two codes. The second one is turned into a query, which stays for the calls
     * that follow: callers that compare one with many keep it second, as faiss::HNSW does.
     */
    float symmetric_dis(idx_t i, idx_t j) override;

private:
    /// A query, prepared for the codes of one list.
    struct ListQuery {
        QueryScan scan;
        double offset; ///< see list_offset()
    };
    /// A query, prepared for each list where it was needed.
    struct Query {
        std::vector<float> x;
        std::vector<std::optional<ListQuery>> lists;
    };

    const Quantizer& codec_;
    const CodeLists& lists_;
    Query query_;
    Query second_;
    idx_t second_id_ = -1;
    std::vector<std::vector<float>> mean_weights_; ///< inner product: B mean of a list, or empty

    float distance(Query& query, Place place);
    ListQuery from_vector(const std::vector<float>& x, size_t list) const;
    /// A code as a query for its own list, without being decoded.
    ListQuery from_code(const uint8_t* code, size_t list);
};

} // namespace bqq
