#pragma once

#include "kernels/scan.h"
#include "search/common_units.h"
#include "store/packed_ids.h"
#include "search/scan_parameters.h"

#include <bqq/index/IndexIVFBQQ.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace bqq {

class InterleavedSource;

/// Ranks of the vectors of an inverted file: those of lists of all groups can be compared.
class IVFRanks {
public:
    explicit IVFRanks(const IndexIVFBQQ& index);

    /** Ranks of the codes of a list.
     * @param x             the query, size d
     * @param centroid_dis  the coarse quantizer's distance to the list; not used where its metric is another
     */
    Ranks of_list(const float* x, size_t list, float centroid_dis) const;

    const CommonUnits& units() const { return units_; }

private:
    const IndexIVFBQQ& index_;
    CommonUnits units_;
    bool coarse_is_comparable_; ///< the coarse quantizer measures what the index does
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
    kernels::InterleavedCodes codes_;
    PackedIdsView packed_ids_;   ///< of interleaved lists
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
