#pragma once

#include <bqq/index/IndexBQQ.h>
#include <bqq/index/faiss_compat.h>
#include <faiss/IndexIVF.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace bqq {

class CoarseSearch;

/// Search parameters of IndexIVFBQQ: those of FAISS, and the knobs of the two stages as in SearchParametersBQQ.
struct IVFSearchParametersBQQ : faiss::SearchParametersIVF {
    int query_bits = 8; ///< bits of the largest integer weight of a query in stage 1, 2 to 12
    float margin = 3;   ///< stage 2 sees what stage 1 puts within this many of its standard errors
};

/** Inverted file over binary quadratic quantization codes (Kuroki et al., NeurIPS 2025).
 *
 * A vector is coded as its residual from the centroid c of its list. Residuals of all lists share one basis,
 * and a query is projected and rounded once: <q, x> ~ <q, c> + alpha (w . s) with w = B q, and for L2
 * |q - x|^2 ~ |q - c|^2 + nu - 2 alpha (w . s) with <c, B^T s> folded into the stored nu. A list costs what
 * its codes cost, whatever the dimension, as long as the coarse quantizer has the metric of the index.
 *
 * With groups, lists whose centroids are near each other share a basis, and a query is projected once for each group
 * that it visits. The list says which group it is: codes are no longer for it.
 *
 * Lists are kept interleaved for the scan; FAISS's interface to them hands out rows. Other faiss::InvertedLists,
 * such as OnDiskInvertedLists, hold rows and are interleaved a list at a time while they are scanned.
 *
 * Searches may run at the same time as each other, not as changes. Errors are faiss::FaissException.
 */
struct IndexIVFBQQ : faiss::IndexIVF {
    GroupedQuantizer bqq; ///< its codes without the group, see GroupedQuantizer::encode_in
    /// Which group's basis a list has, below bqq.groups(); size nlist. Set by train().
    std::vector<uint8_t> list_groups;
    TrainingParameters training;
    /// Inner product: vectors are coded from this times the centroid. FAISS's centroids are of unit length then,
    /// longer than the mean of their vectors. Set by train().
    float centroid_scale = 1;

    /** @param quantizer  coarse quantizer of dimension d, not owned unless own_fields is set
     *  @param d          dimension
     *  @param nlist      number of lists
     *  @param M          bits a vector
     *  @param metric     METRIC_L2 or METRIC_INNER_PRODUCT
     *  @param depth      binary planes of a basis, 1 to 16
     *  @param groups     bases, 1 to 256
     */
    IndexIVFBQQ(
            faiss::Index* quantizer, size_t d, size_t nlist, size_t M,
            faiss::MetricType metric = faiss::METRIC_L2,
            int depth = BinaryQuadraticQuantizer::kDefaultDepth, size_t groups = 1);

    /// @param x  size n * d, n >= max(nlist, M); the centroids take cp.max_points_per_centroid * nlist of them,
    ///           a basis training.max_points_per_atom * M. Where a group has fewer than 4 M, its lists go to others.
    void train(idx_t n, const float* x) override;

    void add_with_ids(idx_t n, const float* x, const idx_t* xids) override;

    /** @param params  nullptr, faiss::SearchParametersIVF or IVFSearchParametersBQQ
     *  @throws faiss::FaissException  also for nprobe = 0; above nlist it counts as nlist
     */
    void search(
            idx_t n, const float* x, idx_t k, float* distances, idx_t* labels,
            const faiss::SearchParameters* params = nullptr) const override;
    void search_preassigned(
            idx_t n, const float* x, idx_t k, const idx_t* assign, const float* centroid_dis,
            float* distances, idx_t* labels, bool store_pairs,
            const faiss::IVFSearchParameters* params = nullptr,
            faiss::IndexIVFStats* stats = nullptr) const override;
    void range_search(
            idx_t n, const float* x, float radius, faiss::RangeSearchResult* result,
            const faiss::SearchParameters* params = nullptr) const override;

    void encode_vectors(
            idx_t n, const float* x, const idx_t* list_nos, uint8_t* codes,
            bool include_listno = false) const override;
    void reconstruct_from_offset(int64_t list_no, int64_t offset, float* recons) const override;
    void sa_decode(idx_t n, const uint8_t* bytes, float* x) const override;

    size_t remove_ids(const faiss::IDSelector& sel) override;
    void update_vectors(int n, const idx_t* ids, const float* x) override;
    void check_compatible_for_merge(const faiss::Index& other) const override;
    void merge_from(faiss::Index& other, idx_t add_id) override;

    void decode_vectors(idx_t n, const uint8_t* codes, const idx_t* list_nos, float* x) const
            BQQ_SINCE_FAISS_1_8(override);
    void range_search_preassigned(
            idx_t n, const float* x, float radius, const idx_t* assign, const float* centroid_dis,
            faiss::RangeSearchResult* result, bool store_pairs = false,
            const faiss::IVFSearchParameters* params = nullptr,
            faiss::IndexIVFStats* stats = nullptr) const BQQ_SINCE_FAISS_1_8(override);

    /// FAISS's way to visit codes as rows, one at a time; search() does not use it.
    faiss::InvertedListScanner* get_InvertedListScanner(
            bool store_pairs = false,
            const faiss::IDSelector* sel = nullptr BQQ_SINCE_FAISS_1_8(
                    , const faiss::IVFSearchParameters* params = nullptr)) const override;

private:
    std::shared_ptr<const CoarseSearch> coarse_;
};

} // namespace bqq
