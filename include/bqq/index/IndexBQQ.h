#pragma once

#include <bqq/export.h>
#include <bqq/index/search_parameters.h>
#include <bqq/quantizer.h>
#include <faiss/Index.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace bqq {

class CodeLists;

using idx_t = int64_t; ///< FAISS's; inside faiss::Index up to 1.7.3, in namespace faiss since

/** Flat index over binary quadratic quantization codes (Kuroki et al., NeurIPS 2025).
 *
 * A vector is M bits and one (inner product) or three (L2) bytes of scales; the index file adds the
 * bases, M * d * depth bits each. With several bases there is one for each cluster of the training
 * set, and a vector has log2(bases) bits more. A search scores all codes by integer look-ups, eight
 * bits of the query and four bits of the code at a time, and again in float what may be among the
 * best.
 *
 * Ids are positions in the order of adding; remove_ids moves later vectors up, as in
 * faiss::IndexFlatCodes. Errors are faiss::FaissException; an index is then as it was before the
 * call.
 *
 * Thread safety: const members may be called at the same time, and take no lock to search; members
 * that change the index must be alone. Outputs may not overlap inputs.
 */
struct BQQ_API IndexBQQ : faiss::Index, TwoStages {
    TrainingParameters training; ///< for the next train()
    /// search() leaves blocks of 64 codes after their first bits where these, and what the other
    /// bits added for the best codes before, put all of them beyond the margin: codes of 384 bits
    /// and more, 1.1 to 1.4 times as fast. It may lose one in a thousand of the results; false
    /// loses none.
    bool leave_early = true;

    /** @param d       dimension
     *  @param M       bits a vector
     *  @param metric  METRIC_L2 or METRIC_INNER_PRODUCT
     *  @param depth   binary planes of a basis, 1 to 16; without it 8 for one basis, 4 for several
     *  @param bases   local bases, 1 to 256; without it train() chooses, from the number of its
     * vectors and training.basis_share
     *  @param atoms   free or tied; without it as bqq::Quantizer chooses
     */
    IndexBQQ(
            idx_t d, size_t M, faiss::MetricType metric = faiss::METRIC_L2,
            std::optional<int> depth = {}, std::optional<size_t> bases = 1,
            std::optional<Atoms> atoms = {});
    /// An index without vectors, over a quantizer that may be trained.
    explicit IndexBQQ(Quantizer codec);
    IndexBQQ(const IndexBQQ& other);
    IndexBQQ& operator=(const IndexBQQ& other);
    ~IndexBQQ() override;

    const Quantizer& codec() const { return codec_; }
    /// Frees what only adding needs; it is made again when it is needed.
    void release_encoder() { codec_.release_encoder(); }
    /// What the index holds.
    MemoryBytes memory_bytes() const;

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

    /// @param radius  results have a squared L2 distance below it, or an inner product above it; as
    /// in
    ///                search(), a margin below infinity may miss one in thousands of those near it
    void range_search(
            idx_t n, const float* x, float radius, faiss::RangeSearchResult* result,
            const faiss::SearchParameters* params = nullptr) const override;

    void reset() override;
    size_t remove_ids(const faiss::IDSelector& sel) override;

    void reconstruct(idx_t key, float* recons) const override;
    void reconstruct_n(idx_t i0, idx_t ni, float* recons) const override;

    /// Bytes of a code: where there may be several bases, one for the basis; bits; scales.
    size_t sa_code_size() const override;
    void sa_encode(idx_t n, const float* x, uint8_t* bytes) const override;
    void sa_decode(idx_t n, const uint8_t* bytes, float* x) const override;
    /// Appends codes of sa_encode. @param xids  must be nullptr: ids are positions
    void add_sa_codes(idx_t n, const uint8_t* codes, const idx_t* xids)
            BQQ_SINCE_FAISS_1_8(override);

    /// Other's vectors follow ours; other is then empty. @param add_id  must be 0
    void merge_from(faiss::Index& other, idx_t add_id = 0) override;
    void check_compatible_for_merge(const faiss::Index& other) const override;

    /// Distances from a query to single codes, and between two codes, by their signs: for graphs.
    faiss::DistanceComputer* get_distance_computer() const override;

    /// Codes i0 to i0 + n - 1, as sa_encode gives them. @param bytes  output, size n *
    /// sa_code_size()
    void get_codes(idx_t i0, idx_t n, uint8_t* bytes) const;

    // For the library itself: CodeLists is not a public type.

    const CodeLists& lists() const { return *lists_; }
    /// Takes over codes, such as those of a file: a list for each basis.
    void set_lists(std::unique_ptr<CodeLists> lists);

private:
    Quantizer codec_;
    std::unique_ptr<CodeLists> lists_;
};

} // namespace bqq
