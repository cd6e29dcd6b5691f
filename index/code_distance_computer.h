#pragma once

#include "search/code_blocks.h"
#include "search/query_scan.h"

#include <bqq/IndexBQQ.h>
#include <faiss/impl/DistanceComputer.h>

#include <vector>

namespace bqq {

/// Distances to the codes of a flat index.
struct CodeDistanceComputer : faiss::DistanceComputer {
    CodeDistanceComputer(const BinaryQuadraticQuantizer& quantizer, const CodeBlocks& codes);

    void set_query(const float* x) override;
    float operator()(idx_t i) override { return query_.distance(codes_, i); }

    /** Distance between two codes. The second one is turned into a query, which stays for the calls that
     * follow: callers that compare one with many keep it second, as faiss::HNSW does.
     */
    float symmetric_dis(idx_t i, idx_t j) override;

private:
    /// A query in front of single codes.
    struct Query {
        bool l2 = true;
        double unit = 1;
        double q2 = 0; ///< what the query adds to each key, in units of the basis
        std::vector<QueryScan> scan;
        float distance(const CodeBlocks& codes, idx_t i) const;
    };

    const BinaryQuadraticQuantizer& quantizer_;
    const CodeBlocks& codes_;
    Query query_;
    Query second_;
    idx_t second_id_ = -1;
    double mean2_ = 0;                ///< inner product: |mean|^2, in units of the basis
    std::vector<float> mean_weights_; ///< inner product: B mean
};

} // namespace bqq
