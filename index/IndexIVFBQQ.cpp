#include <bqq/index/IndexIVFBQQ.h>

#include "index/checks.h"
#include "index/coarse_search.h"
#include "codec/bfloat16.h"
#include "index/faiss_errors.h"
#include "index/index_parts.h"
#include "index/interleaved_lists.h"
#include "index/ivf_scanner.h"
#include "index/ivf_search.h"
#include "index/ivf_training.h"

#include <faiss/IndexFlat.h>
#include <faiss/impl/AuxIndexStructures.h>
#include <faiss/impl/FaissAssert.h>
#include <faiss/invlists/InvertedLists.h>
#include <faiss/utils/utils.h>

#include <Eigen/Core>

#include <algorithm>
#include <limits>
#include <memory>
#include <typeinfo>
#include <vector>

namespace bqq {

namespace {

// Vectors whose centroids are held beside them while they are coded.
constexpr idx_t kBatch = 4096;

GroupedQuantizer make_quantizer_over(
        const faiss::Index* coarse, size_t d, size_t nlist, size_t M, faiss::MetricType metric,
        int depth, size_t groups) {
    FAISS_THROW_IF_NOT_MSG(coarse != nullptr, "BQQ: the coarse quantizer is null");
    FAISS_THROW_IF_NOT_FMT(
            static_cast<size_t>(coarse->d) == d,
            "BQQ: the coarse quantizer has dimension %d, the index d = %zu", coarse->d, d);
    FAISS_THROW_IF_NOT_FMT(nlist > 0, "BQQ: nlist = %zu, must be at least 1", nlist);
    return make_quantizer(static_cast<idx_t>(d), M, metric, depth, groups);
}

void check_ready(const IndexIVFBQQ& index, idx_t n, const float* x, const char* what) {
    check_vectors(index, n, x, what);
    FAISS_THROW_IF_NOT_FMT(
            index.quantizer != nullptr && index.quantizer->is_trained &&
                    index.quantizer->d == index.d &&
                    index.quantizer->ntotal == static_cast<idx_t>(index.nlist),
            "BQQ: %s with a coarse quantizer of d = %d and %ld centroids%s, must be d = %d and "
            "nlist = %zu",
            what, index.quantizer == nullptr ? 0 : index.quantizer->d,
            index.quantizer == nullptr ? 0L : static_cast<long>(index.quantizer->ntotal),
            index.quantizer != nullptr && !index.quantizer->is_trained ? " (untrained)" : "",
            index.d, index.nlist);
}

void check_writable(const IndexIVFBQQ& index, const char* what) {
    FAISS_THROW_IF_NOT_FMT(
            dynamic_cast<const faiss::ReadOnlyInvertedLists*>(index.invlists) == nullptr,
            "BQQ: %s on inverted lists that are read-only", what);
}

/// The groups of some lists; 0 where list_nos is negative.
std::vector<uint32_t> groups_of(const IndexIVFBQQ& index, idx_t n, const idx_t* list_nos) {
    std::vector<uint32_t> groups(static_cast<size_t>(n));
    for (idx_t i = 0; i < n; ++i) {
        FAISS_THROW_IF_NOT_FMT(
                list_nos[i] < static_cast<idx_t>(index.nlist), "BQQ: list %ld of %zu",
                static_cast<long>(list_nos[i]), index.nlist);
        if (list_nos[i] >= 0)
            groups[static_cast<size_t>(i)] = index.list_groups[static_cast<size_t>(list_nos[i])];
    }
    return groups;
}

/** Rounds the centroids to sixteen bits (bfloat16), which is all a file then keeps of them. Vectors are
 * coded from the rounded ones, so nothing is lost but the last bits of where a list's border runs.
 */
void round_centroids(faiss::Index* coarse) {
    if (as_plain_flat(coarse) == nullptr) return;
    auto* flat = dynamic_cast<faiss::IndexFlat*>(coarse);
    float* x = flat->get_xb();
    const auto d = static_cast<size_t>(flat->d);
    const auto n = static_cast<size_t>(flat->ntotal);
    // Centroids far out, close together in comparison, keep all of their bits.
    constexpr double kHarmless = 1e-5;
    const Eigen::Map<const Eigen::Array<float, Eigen::Dynamic, Eigen::Dynamic>> centroids(
            x, static_cast<Eigen::Index>(d), static_cast<Eigen::Index>(n));
    const double spread =
            (centroids.colwise() - centroids.rowwise().mean()).cast<double>().square().sum();
    round_to_bfloat16(x, n * d, kHarmless * spread);
}

} // namespace

IndexIVFBQQ::IndexIVFBQQ(
        faiss::Index* quantizer_, size_t d_, size_t nlist_, size_t M, faiss::MetricType metric,
        int depth, size_t groups)
        : faiss::IndexIVF(
                  // Checked first: what the base class makes would be lost when we throw.
                  (make_quantizer_over(quantizer_, d_, nlist_, M, metric, depth, groups),
                   quantizer_),
                  d_, nlist_, 0, metric),
          bqq(make_quantizer(static_cast<idx_t>(d_), M, metric, depth, groups)),
          list_groups(nlist_),
          coarse_(std::make_shared<CoarseSearch>()) {
    code_size = bqq.bare_code_size();
    is_trained = false;
    replace_invlists(new InterleavedLists(nlist, code_size), true);
}

void IndexIVFBQQ::train(idx_t n, const float* x) {
    check_count(n, "train()");
    FAISS_THROW_IF_NOT_FMT(
            ntotal == 0, "BQQ: train() on an index that holds %ld vectors; reset() it first",
            static_cast<long>(ntotal));
    FAISS_THROW_IF_NOT_FMT(
            static_cast<size_t>(n) >= std::max(nlist, bqq.M),
            "BQQ: train() got %ld vectors, %zu lists and %zu atoms need at least %zu",
            static_cast<long>(n), nlist, bqq.M, std::max(nlist, bqq.M));
    const auto dim = static_cast<size_t>(d);
    with_faiss_errors([&] { check_finite(x, static_cast<size_t>(n), dim, "train()"); });
    const bool coarse_was_trained =
            quantizer->is_trained && quantizer->ntotal == static_cast<idx_t>(nlist);
    train_q1(static_cast<size_t>(n), x, verbose, metric_type);
    if (!coarse_was_trained) round_centroids(quantizer);
    // An inverted file finds its centroids by number only with a direct map.
    if (auto* ivf = dynamic_cast<faiss::IndexIVF*>(quantizer);
        ivf != nullptr && ivf->direct_map.no())
        ivf->make_direct_map();

    with_faiss_errors([&] { train_codes(*this, *coarse_, static_cast<size_t>(n), x); });
    is_trained = true;
}

void IndexIVFBQQ::add_with_ids(idx_t n, const float* x, const idx_t* xids) {
    check_ready(*this, n, x, "add()");
    check_writable(*this, "add()");
    check_lists(*this);
    if (n == 0) return;
    with_faiss_errors([&] {
        std::vector<idx_t> lists(static_cast<size_t>(n));
        coarse_->assign(*quantizer, n, x, lists.data());
        add_core(n, x, xids, lists.data());
    });
}

void IndexIVFBQQ::search(
        idx_t n, const float* x, idx_t k, float* distances, idx_t* labels,
        const faiss::SearchParameters* params) const {
    FAISS_THROW_IF_NOT_FMT(
            k > 0, "BQQ: search() got k = %ld, must be at least 1", static_cast<long>(k));
    const IVFSearch search = to_ivf_search(*this, params);
    check_ready(*this, n, x, "search()");
    const auto* ivf = dynamic_cast<const faiss::SearchParametersIVF*>(params);
    with_faiss_errors([&] {
        // The lists to probe are held for this many queries at a time.
        constexpr idx_t kQueries = 4096;
        const auto held = static_cast<size_t>(std::min(n, kQueries)) * search.nprobe;
        std::vector<idx_t> keys(held);
        std::vector<float> centroid_dis(held);
        for (idx_t i = 0; i < n; i += kQueries) {
            const idx_t count = std::min(kQueries, n - i);
            const double start = faiss::getmillisecs();
            coarse_->search(
                    *quantizer, count, x + i * d, search.nprobe,
                    ivf != nullptr ? ivf->quantizer_params : nullptr, centroid_dis.data(),
                    keys.data());
            const double assigned = faiss::getmillisecs();
            invlists->prefetch_lists(keys.data(), static_cast<int>(held));
            search_lists(
                    *this, search, count, x + i * d, k, keys.data(), centroid_dis.data(),
                    distances + i * k, labels + i * k, faiss::indexIVF_stats);
            faiss::indexIVF_stats.quantization_time += assigned - start;
            faiss::indexIVF_stats.search_time += faiss::getmillisecs() - start;
        }
    });
}

void IndexIVFBQQ::search_preassigned(
        idx_t n, const float* x, idx_t k, const idx_t* assign, const float* centroid_dis,
        float* distances, idx_t* labels, bool store_pairs, const faiss::IVFSearchParameters* params,
        faiss::IndexIVFStats* stats) const {
    FAISS_THROW_IF_NOT_FMT(
            k > 0, "BQQ: search_preassigned() got k = %ld, must be at least 1",
            static_cast<long>(k));
    check_ready(*this, n, x, "search_preassigned()");
    IVFSearch search = to_ivf_search(*this, params);
    search.store_pairs = store_pairs;
    FAISS_THROW_IF_NOT_MSG(
            search.sel == nullptr || !store_pairs,
            "BQQ: search_preassigned() with a selector and store_pairs");
    with_faiss_errors([&] {
        search_lists(
                *this, search, n, x, k, assign, centroid_dis, distances, labels,
                stats != nullptr ? *stats : faiss::indexIVF_stats);
    });
}

void IndexIVFBQQ::range_search(
        idx_t n, const float* x, float radius, faiss::RangeSearchResult* result,
        const faiss::SearchParameters* params) const {
    const IVFSearch search = to_ivf_search(*this, params);
    check_ready(*this, n, x, "range_search()");
    const auto* ivf = dynamic_cast<const faiss::SearchParametersIVF*>(params);
    const size_t probes = static_cast<size_t>(n) * search.nprobe;
    with_faiss_errors([&] {
        std::vector<idx_t> assign(probes);
        std::vector<float> centroid_dis(probes);
        coarse_->search(
                *quantizer, n, x, search.nprobe, ivf != nullptr ? ivf->quantizer_params : nullptr,
                centroid_dis.data(), assign.data());
        invlists->prefetch_lists(assign.data(), static_cast<int>(probes));
        range_search_lists(
                *this, search, n, x, radius, assign.data(), centroid_dis.data(), result,
                faiss::indexIVF_stats);
    });
}

void IndexIVFBQQ::range_search_preassigned(
        idx_t n, const float* x, float radius, const idx_t* assign, const float* centroid_dis,
        faiss::RangeSearchResult* result, bool store_pairs,
        const faiss::IVFSearchParameters* params, faiss::IndexIVFStats* stats) const {
    check_ready(*this, n, x, "range_search_preassigned()");
    IVFSearch search = to_ivf_search(*this, params);
    search.store_pairs = store_pairs;
    with_faiss_errors([&] {
        range_search_lists(
                *this, search, n, x, radius, assign, centroid_dis, result,
                stats != nullptr ? *stats : faiss::indexIVF_stats);
    });
}

void IndexIVFBQQ::encode_vectors(
        idx_t n, const float* x, const idx_t* list_nos, uint8_t* codes, bool include_listno) const {
    check_ready(*this, n, x, "encode_vectors()");
    const size_t listno_size = include_listno ? coarse_code_size() : 0;
    const size_t row_size = code_size + listno_size;
    std::vector<uint8_t> batch(static_cast<size_t>(std::min(n, kBatch)) * code_size);
    for (idx_t begin = 0; begin < n; begin += kBatch) {
        const idx_t count = std::min(kBatch, n - begin);
        const std::vector<uint32_t> groups = groups_of(*this, count, list_nos + begin);
        const std::vector<float> centres = centres_of(*this, count, list_nos + begin);
        with_faiss_errors([&] {
            bqq.encode_in(
                    groups.data(), x + begin * d, batch.data(), static_cast<size_t>(count),
                    centres.data());
        });
        for (idx_t i = 0; i < count; ++i) {
            uint8_t* row = codes + static_cast<size_t>(begin + i) * row_size;
            const idx_t list_no = list_nos[begin + i];
            if (list_no < 0) {
                std::fill_n(row, row_size, uint8_t{0});
                continue;
            }
            if (include_listno) encode_listno(list_no, row);
            std::copy_n(
                    batch.data() + static_cast<size_t>(i) * code_size, code_size,
                    row + listno_size);
        }
    }
}

void IndexIVFBQQ::decode_vectors(
        idx_t n, const uint8_t* codes, const idx_t* list_nos, float* x) const {
    check_count(n, "decode_vectors()");
    for (idx_t begin = 0; begin < n; begin += kBatch) {
        const idx_t count = std::min(kBatch, n - begin);
        const std::vector<uint32_t> groups = groups_of(*this, count, list_nos + begin);
        const std::vector<float> centres = centres_of(*this, count, list_nos + begin);
        with_faiss_errors([&] {
            bqq.decode_in(
                    groups.data(), codes + static_cast<size_t>(begin) * code_size, x + begin * d,
                    static_cast<size_t>(count), centres.data());
        });
    }
}

void IndexIVFBQQ::reconstruct_from_offset(int64_t list_no, int64_t offset, float* recons) const {
    FAISS_THROW_IF_NOT_FMT(
            list_no >= 0 && list_no < static_cast<int64_t>(nlist) && offset >= 0 &&
                    offset <
                            static_cast<int64_t>(invlists->list_size(static_cast<size_t>(list_no))),
            "BQQ: reconstruct of offset %ld in list %ld, which is not there",
            static_cast<long>(offset), static_cast<long>(list_no));
    const faiss::InvertedLists::ScopedCodes code(
            invlists, static_cast<size_t>(list_no), static_cast<size_t>(offset));
    const idx_t list = list_no;
    decode_vectors(1, code.codes, &list, recons);
}

void IndexIVFBQQ::sa_decode(idx_t n, const uint8_t* bytes, float* x) const {
    check_count(n, "sa_decode()");
    const size_t listno_size = coarse_code_size();
    const size_t row_size = code_size + listno_size;
    std::vector<uint8_t> codes(static_cast<size_t>(n) * code_size);
    std::vector<idx_t> lists(static_cast<size_t>(n));
    for (size_t i = 0; i < lists.size(); ++i) {
        lists[i] = decode_listno(bytes + i * row_size);
        std::copy_n(bytes + i * row_size + listno_size, code_size, codes.data() + i * code_size);
    }
    decode_vectors(n, codes.data(), lists.data(), x);
}

size_t IndexIVFBQQ::remove_ids(const faiss::IDSelector& sel) {
    check_writable(*this, "remove_ids()");
    return with_faiss_errors([&] {
        if (!direct_map.no()) return faiss::IndexIVF::remove_ids(sel);
        // FAISS reads the ids of a list once and expects them to follow its changes; ours are a copy.
        size_t removed = 0;
        for (size_t list = 0; list < nlist; ++list) {
            const size_t size = invlists->list_size(list);
            size_t kept = size;
            for (size_t i = 0; i < kept;) {
                if (!sel.is_member(invlists->get_single_id(list, i))) {
                    ++i;
                    continue;
                }
                --kept;
                if (i == kept) break;
                faiss::InvertedLists::ScopedCodes code(invlists, list, kept);
                invlists->update_entry(list, i, invlists->get_single_id(list, kept), code.get());
            }
            if (kept != size) invlists->resize(list, kept);
            removed += size - kept;
        }
        ntotal -= static_cast<idx_t>(removed);
        return removed;
    });
}

void IndexIVFBQQ::update_vectors(int n, const idx_t* ids, const float* x) {
    check_ready(*this, n, x, "update_vectors()");
    check_writable(*this, "update_vectors()");
    with_faiss_errors([&] { faiss::IndexIVF::update_vectors(n, ids, x); });
}

void IndexIVFBQQ::check_compatible_for_merge(const faiss::Index& other) const {
    const auto* o = dynamic_cast<const IndexIVFBQQ*>(&other);
    FAISS_THROW_IF_NOT_FMT(
            o != nullptr, "BQQ: merge with an index of class %s, must be IndexIVFBQQ",
            typeid(other).name());
    FAISS_THROW_IF_NOT_FMT(
            o->d == d && o->nlist == nlist && o->bqq.M == bqq.M && o->metric_type == metric_type,
            "BQQ: merge of d = %d, nlist = %zu, M = %zu, metric %d with d = %d, nlist = %zu, "
            "M = %zu, metric %d",
            d, nlist, bqq.M, static_cast<int>(metric_type), o->d, o->nlist, o->bqq.M,
            static_cast<int>(o->metric_type));
    FAISS_THROW_IF_NOT_MSG(
            o->is_trained == is_trained && o->bqq == bqq && o->list_groups == list_groups &&
                    o->centroid_scale == centroid_scale,
            "BQQ: merge of indexes that were trained differently");
    faiss::IndexIVF::check_compatible_for_merge(other);
}

void IndexIVFBQQ::merge_from(faiss::Index& other, idx_t add_id) {
    FAISS_THROW_IF_NOT_MSG(&other != this, "BQQ: merge_from() of an index with itself");
    check_compatible_for_merge(other);
    check_writable(*this, "merge_from()");
    check_writable(dynamic_cast<IndexIVFBQQ&>(other), "merge_from()");
    with_faiss_errors([&] { faiss::IndexIVF::merge_from(other, add_id); });
}

faiss::InvertedListScanner* IndexIVFBQQ::get_InvertedListScanner(
        bool store_pairs, const faiss::IDSelector* sel BQQ_SINCE_FAISS_1_8(
                                  , const faiss::IVFSearchParameters* params)) const {
    const faiss::SearchParameters* given = nullptr;
    BQQ_SINCE_FAISS_1_8(given = params;)
    return new IVFScanner(*this, store_pairs, sel, to_ivf_search(*this, given).scan);
}

} // namespace bqq
