#pragma once

#include <bqq/export.h>
#include <bqq/index/IndexBQQ.h>
#include <faiss/IndexIVF.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace bqq {

class CoarseSearch;
struct IVFSearch;

/** Inverted file over binary quadratic quantization codes (Kuroki et al., NeurIPS 2025).
 *
 * A vector is coded as its residual from the centroid c of its list. Residuals of all lists share
 * one basis, and a query is projected and rounded once: <q, x> ~ <q, c> + alpha (w . s) with w = B
 * q, and for L2 |q - x|^2 ~ |q - c|^2 + nu - 2 alpha (w . s) with <c, B^T s> folded into the stored
 * nu. A list costs what its codes cost, whatever the dimension, if the coarse quantizer has the
 * metric of the index.
 *
 * With several bases, lists whose centroids are near each other share one, and a query is projected
 * once for each basis that it meets.
 *
 * Lists are kept interleaved for the scan; FAISS's interface to them hands out rows. Other
 * faiss::InvertedLists, such as OnDiskInvertedLists, hold rows and are interleaved while they are
 * scanned. Centroids must not be changed after train(): codes are relative to them.
 *
 * Thread safety: const members may be called at the same time, and take no lock to search; members
 * that change the index must be alone. Errors are faiss::FaissException.
 */
struct BQQ_API IndexIVFBQQ : faiss::IndexIVF, TwoStages {
    TrainingParameters training; ///< for the next train()
    /// search() with a selector that allows a part p of the vectors visits nprobe / p lists, so as
    /// to meet as many that are allowed as without one, and where these have fewer than k, all
    /// lists. false: nprobe lists whatever the selector, as in FAISS.
    bool widen_for_selector = true;

    /** @param quantizer  coarse quantizer of dimension d, not owned unless own_fields is set
     *  @param d          dimension
     *  @param nlist      number of lists
     *  @param M          bits a vector
     *  @param metric     METRIC_L2 or METRIC_INNER_PRODUCT
     *  @param depth      binary planes of a basis, 1 to 16; without it 8 for one basis, 4 for
     * several
     *  @param bases      1 to 256; without it train() chooses
     *  @param atoms      free or tied; without it as bqq::Quantizer chooses
     */
    IndexIVFBQQ(
            faiss::Index* quantizer, size_t d, size_t nlist, size_t M,
            faiss::MetricType metric = faiss::METRIC_L2, std::optional<int> depth = {},
            std::optional<size_t> bases = 1, std::optional<Atoms> atoms = {});
    /// The same over a codec, which must not be trained.
    IndexIVFBQQ(faiss::Index* quantizer, size_t nlist, Quantizer codec);
    /// A copy that shares nothing: it owns its coarse quantizer and has its lists in memory.
    IndexIVFBQQ(const IndexIVFBQQ& other);
    IndexIVFBQQ& operator=(const IndexIVFBQQ&) = delete;
    ~IndexIVFBQQ() override;

    const Quantizer& codec() const { return codec_; }
    /// Which basis a list has, below codec().bases(); size nlist.
    const std::vector<uint8_t>& list_basis() const { return list_basis_; }
    /// Inner product: vectors are coded from this times the centroid. FAISS's centroids are of unit
    /// length then, longer than the mean of their vectors.
    float centroid_scale() const { return centroid_scale_; }
    /// Frees what only adding needs; it is made again when it is needed.
    void release_encoder() { codec_.release_encoder(); }
    /// What the index holds, the coarse quantizer included if it is flat.
    MemoryBytes memory_bytes() const;

    /// @param x  size n * d, n >= max(nlist, M); the centroids take cp.max_points_per_centroid *
    /// nlist
    ///           of them, a basis training.max_points_per_atom * M. Where lists of a basis have
    ///           fewer than 4 M, they go to others. Out of memory after the coarse quantizer was
    ///           trained, it stays so, as in FAISS.
    void train(idx_t n, const float* x) override;

    void add_with_ids(idx_t n, const float* x, const idx_t* xids) override;
    void add_core(
            idx_t n, const float* x, const idx_t* xids,
            const idx_t* precomputed_idx
                    BQQ_SINCE_FAISS_1_8(, void* inverted_list_context = nullptr)) override;

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
    void range_search_preassigned(
            idx_t n, const float* x, float radius, const idx_t* assign, const float* centroid_dis,
            faiss::RangeSearchResult* result, bool store_pairs = false,
            const faiss::IVFSearchParameters* params = nullptr,
            faiss::IndexIVFStats* stats = nullptr) const BQQ_SINCE_FAISS_1_8(override);

    void encode_vectors(
            idx_t n, const float* x, const idx_t* list_nos, uint8_t* codes,
            bool include_listno = false) const override;
    void decode_vectors(idx_t n, const uint8_t* codes, const idx_t* list_nos, float* x) const
            BQQ_SINCE_FAISS_1_8(override);
    void reconstruct_from_offset(int64_t list_no, int64_t offset, float* recons) const override;
    void sa_decode(idx_t n, const uint8_t* bytes, float* x) const override;

    size_t remove_ids(const faiss::IDSelector& sel) override;
    void update_vectors(int n, const idx_t* ids, const float* x) override;
    void check_compatible_for_merge(const faiss::Index& other) const override;
    void merge_from(faiss::Index& other, idx_t add_id) override;

    /// FAISS's way to visit codes as rows, one at a time; search() does not use it.
    faiss::InvertedListScanner* get_InvertedListScanner(
            bool store_pairs = false,
            const faiss::IDSelector* sel = nullptr BQQ_SINCE_FAISS_1_8(
                    , const faiss::IVFSearchParameters* params = nullptr)) const override;

    /// As Quantizer::coding_error(), of vectors in their lists. @param x  size n * d, n > 0
    CodingError coding_error(idx_t n, const float* x) const;

    /** Takes over what was trained elsewhere, such as in a file, for an index without vectors.
     * @throws faiss::FaissException  for a codec of another form, or a basis that there is not
     */
    void set_trained(Quantizer codec, std::vector<uint8_t> list_basis, float centroid_scale);

private:
    Quantizer codec_;
    std::vector<uint8_t> list_basis_;
    float centroid_scale_ = 1;
    std::shared_ptr<const CoarseSearch> coarse_;

    /// Takes note of the centroids that there are now.
    /// The first part of train(): the centroids.
    void train_coarse(size_t n, const float* x);
    void watch_centroids();
    /// search() in the search.nprobe nearest lists of each query.
    void search_nearest_lists(
            const IVFSearch& search, idx_t n, const float* x, idx_t k, float* distances,
            idx_t* labels, const faiss::SearchParameters* params) const;
};

} // namespace bqq
