#pragma once

#include "store/grouped_codes.h"
#include "search/query_scan.h"

#include <bqq/index/IndexBQQ.h>
#include <faiss/impl/DistanceComputer.h>

#include <optional>
#include <vector>

namespace bqq {

/// Distances to the codes of a flat index.
struct CodeDistanceComputer : faiss::DistanceComputer {
    CodeDistanceComputer(const GroupedQuantizer& quantizer, const GroupedCodes& codes);

    void set_query(const float* x) override;
    float operator()(idx_t i) override;

    /** Distance between two codes. The second one is turned into a query, which stays for the calls that
     * follow: callers that compare one with many keep it second, as faiss::HNSW does.
     */
    float symmetric_dis(idx_t i, idx_t j) override;

private:
    /// A query in front of the codes of one group.
    struct GroupQuery {
        QueryScan scan;
        double q2; ///< what the query adds to each key, in units of the basis
    };
    /// A query, in front of each group where it was needed.
    struct Query {
        std::vector<float> x;
        std::vector<std::optional<GroupQuery>> groups;
    };

    const GroupedQuantizer& quantizer_;
    const GroupedCodes& codes_;
    Query query_;
    Query second_;
    idx_t second_id_ = -1;
    std::vector<std::vector<float>> mean_weights_; ///< inner product: B mean of a group, or empty

    float distance(Query& query, GroupedCodes::Place place) const;
    GroupQuery from_vector(const std::vector<float>& x, size_t g) const;
    /// A code as a query in front of its own group, without being decoded.
    GroupQuery from_code(const uint8_t* code, size_t g);
};

} // namespace bqq
