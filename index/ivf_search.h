#pragma once

#include "search/query_scan.h"

#include <bqq/index/IndexIVFBQQ.h>

#include <cstddef>

namespace bqq {

/// @throws faiss::FaissException  for inverted lists of another number or code size than the index
/// has
void check_lists(const IndexIVFBQQ& index);

/// What a search asks for, checked.
struct IVFSearch {
    size_t nprobe = 1;
    size_t max_codes = 0; ///< 0: no limit
    bool ensure_topk_full = false;
    const faiss::IDSelector* sel = nullptr;
    bool widen_for_selector = true;
    ScanParameters scan;
    bool store_pairs = false; ///< labels are list and offset
};

/// @throws faiss::FaissException  for parameters of another class, or with values that make no
/// sense
IVFSearch to_ivf_search(const IndexIVFBQQ& index, const faiss::SearchParameters* params);

/// The part of an index's vectors that a selector allows, estimated: see selectors.h.
double part_allowed(const IndexIVFBQQ& index, const faiss::IDSelector& sel);

/** What a list adds to the keys of its codes, see list_offset().
 * @param x             the query, size d
 * @param centroid_dis  the coarse quantizer's distance to the list; not used if it has another
 * metric
 */
double visit_offset(const IndexIVFBQQ& index, const float* x, idx_t list, float centroid_dis);

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

/// Adds to a count of FAISS's global statistics, which searches at the same time share.
template <class T>
void add_to_stats(T& count, T more);

} // namespace bqq
