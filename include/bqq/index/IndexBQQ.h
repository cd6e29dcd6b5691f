#pragma once

#include <bqq/grouped_quantizer.h>
#include <faiss/Index.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace bqq {

class GroupedCodes;
struct ScanParameters;

using idx_t = int64_t; ///< FAISS's; inside faiss::Index up to 1.7.3, in namespace faiss since

/// Search parameters of IndexBQQ: the selector of FAISS, and the knobs of the two stages.
struct SearchParametersBQQ : faiss::SearchParameters {
    /// Stage 1 rounds the query's weights to integers of up to this many bits, sign included (2 to 12):
    /// more bits, fewer candidates.
    int query_bits = 8;
    /// Stage 2 re-scores in float what stage 1 puts within this many of its standard errors of the k-th
    /// best. 3 returns the results of scoring all codes in float but for one in thousands; infinity does so always.
    float margin = 3;
};

/** Flat index over binary quadratic quantization codes (Kuroki et al., NeurIPS 2025).
 *
 * A vector is M bits and one (inner product) or three (L2) bytes of scales; the index file adds the basis,
 * M * d * depth bits. With groups there is a basis for each cluster of the training set, and a vector has log2(groups)
 * bits more. A search scores all codes by integer look-ups, eight bits of the query and
 * four bits of the code at a time, and re-scores in float what may be among the best.
 *
 * Ids are positions in the order of adding; remove_ids moves later vectors up, as in faiss::IndexFlatCodes.
 * Searches may run at the same time as each other, not as changes. Errors are faiss::FaissException; an
 * index is then as it was before the call.
 */
struct IndexBQQ : faiss::Index {
    GroupedQuantizer bqq;
    TrainingParameters training;

    /** @param d       dimension
     *  @param M       bits a vector
     *  @param metric  METRIC_L2 or METRIC_INNER_PRODUCT
     *  @param depth   binary planes of a basis, 1 to 16
     *  @param groups  local bases, 1 to 256; or 0, and train() chooses, from the number of its vectors and
     *                 training.basis_share; beside that, depth 0 is chosen as well
     */
    IndexBQQ(
            idx_t d, size_t M, faiss::MetricType metric = faiss::METRIC_L2,
            int depth = BinaryQuadraticQuantizer::kDefaultDepth, size_t groups = 1);
    IndexBQQ(const IndexBQQ& other);
    IndexBQQ& operator=(const IndexBQQ& other);
    ~IndexBQQ() override;

    /// @param x  size n * d, n >= M; more than training.max_points_per_atom * M are sampled down
    void train(idx_t n, const float* x) override;

    /// @param x  size n * d
    void add(idx_t n, const float* x) override;

    /** @param x          queries, size n * d
     *  @param k          neighbours, at least 1; where the index has fewer, labels are -1
     *  @param distances  output, size n * k: squared L2 or inner products, best first
     *  @param labels     output, size n * k
     *  @param params     nullptr, faiss::SearchParameters or SearchParametersBQQ
     */
    void search(
            idx_t n, const float* x, idx_t k, float* distances, idx_t* labels,
            const faiss::SearchParameters* params = nullptr) const override;

    /// @param radius  results have a squared L2 distance below it, or an inner product above it; as in search(), a
    ///                margin below infinity may miss one in thousands of those near it
    void range_search(
            idx_t n, const float* x, float radius, faiss::RangeSearchResult* result,
            const faiss::SearchParameters* params = nullptr) const override;

    void reset() override;
    size_t remove_ids(const faiss::IDSelector& sel) override;

    void reconstruct(idx_t key, float* recons) const override;
    void reconstruct_n(idx_t i0, idx_t ni, float* recons) const override;

    /// bytes of a code: its group where there are groups, bits, scales
    size_t sa_code_size() const override;
    void sa_encode(idx_t n, const float* x, uint8_t* bytes) const override;
    void sa_decode(idx_t n, const uint8_t* bytes, float* x) const override;
    /// Appends codes of sa_encode. @param xids  must be nullptr: ids are positions
    virtual void add_sa_codes(idx_t n, const uint8_t* codes, const idx_t* xids);

    /// Other's vectors follow ours; other is then empty. @param add_id  must be 0
    void merge_from(faiss::Index& other, idx_t add_id = 0) override;
    void check_compatible_for_merge(const faiss::Index& other) const override;

    /// Distances from a query to single codes, and between two codes, by their signs: for graphs over the index.
    faiss::DistanceComputer* get_distance_computer() const override;

    /// Codes i0 to i0 + n - 1. @param bytes  output, size n * sa_code_size()
    void get_codes(idx_t i0, idx_t n, uint8_t* bytes) const;

    /// Takes over a quantizer that was trained elsewhere, for an index without vectors.
    void set_trained(GroupedQuantizer quantizer);

private:
    std::unique_ptr<GroupedCodes> codes_;
};

} // namespace bqq
