#pragma once

#include "search/query_scan.h"

#include <bqq/IndexIVFBQQ.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace bqq {

class InterleavedSource;

/** Keys of an inverted file: in units of the basis, smaller for closer vectors, comparable between lists.
 * A vector's key is that of its list plus that of its code (QueryScan).
 */
class IVFKeys {
public:
    explicit IVFKeys(const IndexIVFBQQ& index);

    /** What a list adds to the keys of its codes.
     * @param x             the query, size d
     * @param centroid_dis  the coarse quantizer's distance to the list; not used where its metric is another
     */
    float list_key(const float* x, idx_t list_no, float centroid_dis) const;
    float distance(float key) const;
    float key(float distance) const;

private:
    const IndexIVFBQQ& index_;
    bool l2_;
    bool coarse_is_comparable_; ///< the coarse quantizer measures what the index does
    double unit_;
};

/// A list as the scan wants it, whatever the class of the inverted lists.
class ScannedList {
public:
    ScannedList(
            const faiss::InvertedLists& lists, const InterleavedSource* interleaved,
            size_t list_no);

    const kernels::InterleavedCodes& codes() const { return codes_; }
    idx_t id(size_t i) const;

private:
    const InterleavedSource* interleaved_;
    size_t list_no_;
    kernels::InterleavedCodes codes_;
    std::vector<uint8_t> bytes_; ///< codes of lists that hold rows
    std::unique_ptr<faiss::InvertedLists::ScopedIds> ids_;
};

/// @throws faiss::FaissException  for inverted lists of another number or code size than the index has
void check_lists(const IndexIVFBQQ& index);

/// What a search asks for, checked.
struct IVFSearch {
    size_t nprobe = 1;
    size_t max_codes = 0; ///< 0: no limit
    bool ensure_topk_full = false;
    const faiss::IDSelector* sel = nullptr;
    ScanParameters scan;
    bool store_pairs = false; ///< labels are list and offset
};

/// @throws faiss::FaissException  for parameters of another class, or with values that make no sense
IVFSearch to_ivf_search(const IndexIVFBQQ& index, const faiss::SearchParameters* params);

/// As IndexIVF::search_preassigned, by the parallel mode of the index.
void search_lists(
        const IndexIVFBQQ& index, const IVFSearch& search, idx_t n, const float* x, idx_t k,
        const idx_t* assign, const float* centroid_dis, float* distances, idx_t* labels,
        faiss::IndexIVFStats& stats);

/// As IndexIVF::range_search_preassigned.
void range_search_lists(
        const IndexIVFBQQ& index, const IVFSearch& search, idx_t n, const float* x, float radius,
        const idx_t* assign, const float* centroid_dis, faiss::RangeSearchResult* result,
        faiss::IndexIVFStats& stats);

} // namespace bqq
