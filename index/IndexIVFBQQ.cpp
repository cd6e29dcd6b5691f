#include <bqq/index/IndexIVFBQQ.h>

#include "base/check_finite.h"
#include "codec/bfloat16.h"
#include "codec/encoder.h"
#include "codec/outliers.h"
#include "index/ClusteringIndex.h"
#include "index/checks.h"
#include "index/coarse_search.h"
#include "index/direct_map_entries.h"
#include "index/inverted_lists.h"
#include "index/ivf_search.h"
#include "index/ivf_training.h"
#include "index/list_scanner.h"
#include "index/wrappers.h"

#include <bqq/index/index_io.h>
#include <faiss/IndexFlat.h>
#include <faiss/impl/AuxIndexStructures.h>
#include <faiss/impl/FaissAssert.h>
#include <faiss/impl/IDSelector.h>
#include <faiss/utils/utils.h>

#include <Eigen/Core>

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <typeinfo>
#include <utility>
#include <vector>

namespace bqq {

namespace {

/// @throws faiss::FaissException  for what the base class would not refuse, or lose when we throw
faiss::Index* checked_coarse(faiss::Index* coarse, size_t d, size_t nlist) {
    FAISS_THROW_IF_NOT_MSG(coarse != nullptr, "BQQ: the coarse quantizer is null");
    FAISS_THROW_IF_NOT_FMT(
            static_cast<size_t>(coarse->d) == d,
            "BQQ: the coarse quantizer has dimension %d, the index d = %zu", coarse->d, d);
    FAISS_THROW_IF_NOT_FMT(nlist > 0, "BQQ: nlist = %zu, must be at least 1", nlist);
    return coarse;
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
    const auto* ours = dynamic_cast<const InterleavedLists*>(index.invlists);
    FAISS_THROW_IF_NOT_FMT(
            dynamic_cast<const faiss::ReadOnlyInvertedLists*>(index.invlists) == nullptr &&
                    (ours == nullptr || !ours->lists().is_mapped()),
            "BQQ: %s on inverted lists that are read-only", what);
}

/// As the codec wants list numbers; 0 where they are negative.
std::vector<uint32_t> checked_lists(const IndexIVFBQQ& index, idx_t n, const idx_t* list_nos) {
    std::vector<uint32_t> lists(static_cast<size_t>(n));
    for (idx_t i = 0; i < n; ++i) {
        FAISS_THROW_IF_NOT_FMT(
                list_nos[i] < static_cast<idx_t>(index.nlist), "BQQ: list %ld of %zu",
                static_cast<long>(list_nos[i]), index.nlist);
        lists[static_cast<size_t>(i)] = static_cast<uint32_t>(std::max<idx_t>(list_nos[i], 0));
    }
    return lists;
}

/** Rounds the centroids to sixteen bits (bfloat16), which is all a file then keeps of them. Vectors
 * are coded from the rounded ones, so nothing is lost but the last bits of where a list's border
 * runs.
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
        std::optional<int> depth, std::optional<size_t> bases, std::optional<Atoms> atoms)
        : IndexIVFBQQ(
                  quantizer_, nlist_,
                  make_codec(static_cast<idx_t>(d_), M, metric, depth, bases, atoms)) {}

IndexIVFBQQ::IndexIVFBQQ(faiss::Index* quantizer_, size_t nlist_, Quantizer codec)
        : faiss::IndexIVF(
                  checked_coarse(quantizer_, codec.d(), nlist_), codec.d(), nlist_,
                  codec.code_size(), to_faiss(codec.metric())),
          codec_(std::move(codec)),
          list_basis_(nlist_) {
    is_trained = false;
    replace_invlists(
            new InterleavedLists(CodeLists(nlist, code_size, CodeLists::Ids::stored)), true);
    watch_centroids();
}

IndexIVFBQQ::IndexIVFBQQ(const IndexIVFBQQ& other)
        : IndexIVFBQQ(other.quantizer, other.nlist, other.codec_) {
    std::unique_ptr<faiss::Index> coarse(clone_index(other.quantizer));
    replace_invlists(new InterleavedLists(copy_lists(*other.invlists)), true);
    TwoStages::operator=(other);
    training = other.training;
    widen_for_selector = other.widen_for_selector;
    list_basis_ = other.list_basis_;
    centroid_scale_ = other.centroid_scale_;
    nprobe = other.nprobe;
    max_codes = other.max_codes;
    parallel_mode = other.parallel_mode;
    direct_map = other.direct_map;
    cp = other.cp;
    quantizer_trains_alone = other.quantizer_trains_alone;
    verbose = other.verbose;
    ntotal = other.ntotal;
    is_trained = other.is_trained;
    quantizer = coarse.release();
    own_fields = true;
    watch_centroids();
}

IndexIVFBQQ::~IndexIVFBQQ() = default;

void IndexIVFBQQ::watch_centroids() {
    coarse_ = std::make_shared<const CoarseSearch>(*quantizer);
}

MemoryBytes IndexIVFBQQ::memory_bytes() const {
    MemoryBytes bytes = codec_.memory_bytes();
    if (const auto* ours = dynamic_cast<const InterleavedLists*>(invlists)) {
        bytes.codes = ours->lists().codes_bytes();
        bytes.ids = ours->lists().ids_bytes();
    }
    bytes.ids += direct_map.array.capacity() * sizeof(idx_t) +
                 direct_map.hashtable.size() * (sizeof(void*) + 2 * sizeof(idx_t)) +
                 direct_map.hashtable.bucket_count() * sizeof(void*);
    bytes.bases += list_basis_.capacity();
    bytes.coarse = coarse_->memory_bytes();
    if (as_plain_flat(quantizer) != nullptr)
        bytes.coarse += static_cast<size_t>(quantizer->ntotal) * static_cast<size_t>(quantizer->d) *
                        sizeof(float);
    return bytes;
}

void IndexIVFBQQ::train_coarse(size_t n, const float* x) {
    const bool by_clustering = as_plain_flat(quantizer) != nullptr || quantizer_trains_alone == 2;
    if (clustering_index != nullptr || !by_clustering || cp.nredo != 1 ||
        nlist < ClusteringIndex::kLeast) {
        train_q1(n, x, verbose, metric_type);
        return;
    }
    ClusteringIndex clustering(d, metric_type);
    clustering_index = &clustering;
    const std::unique_ptr<faiss::Index*, void (*)(faiss::Index**)> no_longer(
            &clustering_index, [](faiss::Index** index) { *index = nullptr; });
    train_q1(n, x, verbose, metric_type);
}

void IndexIVFBQQ::train(idx_t n, const float* x) {
    check_count(n, "train()");
    FAISS_THROW_IF_NOT_FMT(
            ntotal == 0, "BQQ: train() on an index that holds %ld vectors; reset() it first",
            static_cast<long>(ntotal));
    const size_t least = std::max(nlist, codec_.M());
    FAISS_THROW_IF_NOT_FMT(
            static_cast<size_t>(n) >= least,
            "BQQ: train() got %ld vectors, %zu lists and %zu atoms need at least %zu",
            static_cast<long>(n), nlist, codec_.M(), least);
    with_faiss_errors(
            [&] { check_finite(x, static_cast<size_t>(n), static_cast<size_t>(d), "train()"); });
    const TrainingRows kept(
            static_cast<size_t>(n), x, static_cast<size_t>(d), least,
            with_progress(training, verbose).progress);
    const bool coarse_was_trained =
            quantizer->is_trained && quantizer->ntotal == static_cast<idx_t>(nlist);
    train_coarse(kept.size(), kept.data());
    if (!coarse_was_trained) round_centroids(quantizer);
    // An inverted file finds its centroids by number only with a direct map.
    if (auto* ivf = dynamic_cast<faiss::IndexIVF*>(quantizer);
        ivf != nullptr && ivf->direct_map.no())
        ivf->make_direct_map();
    watch_centroids();
    TrainedLists trained = with_faiss_errors(
            [&] { return train_lists(*this, *coarse_, kept.size(), kept.data()); });
    set_trained(std::move(trained.codec), std::move(trained.list_basis), trained.centroid_scale);
}

void IndexIVFBQQ::set_trained(
        Quantizer codec, std::vector<uint8_t> list_basis, float centroid_scale) {
    FAISS_THROW_IF_NOT_FMT(
            ntotal == 0, "BQQ: set_trained() on an index that holds %ld vectors",
            static_cast<long>(ntotal));
    FAISS_THROW_IF_NOT_MSG(
            codec.is_trained() && codec.d() == codec_.d() && codec.M() == codec_.M() &&
                    codec.metric() == codec_.metric(),
            "BQQ: set_trained() with a codec of another form, or not trained");
    FAISS_THROW_IF_NOT_FMT(
            list_basis.size() == nlist, "BQQ: bases of %zu lists, the index has nlist = %zu",
            list_basis.size(), nlist);
    for (const uint8_t basis : list_basis)
        FAISS_THROW_IF_NOT_FMT(
                basis < codec.bases(), "BQQ: a list with basis %d, there are %zu", basis,
                codec.bases());
    FAISS_THROW_IF_NOT_FMT(
            std::isfinite(centroid_scale), "BQQ: centroid_scale = %g, must be finite",
            static_cast<double>(centroid_scale));
    codec_ = std::move(codec);
    list_basis_ = std::move(list_basis);
    centroid_scale_ = centroid_scale;
    watch_centroids();
    is_trained = true;
}

void IndexIVFBQQ::add_with_ids(idx_t n, const float* x, const idx_t* xids) {
    check_ready(*this, n, x, "add()");
    check_writable(*this, "add()");
    check_lists(*this);
    if (n == 0) return;
    if (!coarse_->is_of(*quantizer)) watch_centroids();
    with_faiss_errors([&] {
        std::vector<idx_t> lists(static_cast<size_t>(n));
        coarse_->assign(*quantizer, n, x, lists.data());
        add_core(n, x, xids, lists.data());
    });
}

CodingError IndexIVFBQQ::coding_error(idx_t n, const float* x) const {
    check_ready(*this, n, x, "coding_error()");
    FAISS_THROW_IF_NOT_MSG(n > 0, "BQQ: coding_error() of no vectors");
    std::vector<idx_t> keys(static_cast<size_t>(n));
    quantizer->assign(n, x, keys.data());
    std::vector<uint32_t> lists(keys.size());
    std::ranges::transform(keys, lists.begin(), [](idx_t key) {
        return static_cast<uint32_t>(std::max<idx_t>(key, 0));
    });
    return with_faiss_errors([&] {
        return bqq::coding_error(codec_, coding_lists(*this), static_cast<size_t>(n), x, lists);
    });
}

void IndexIVFBQQ::add_core(
        idx_t n, const float* x, const idx_t* xids,
        const idx_t* precomputed_idx BQQ_SINCE_FAISS_1_8(, void* inverted_list_context)) {
    auto* ours = dynamic_cast<InterleavedLists*>(invlists);
    if (ours == nullptr || precomputed_idx == nullptr) {
        faiss::IndexIVF::add_core(
                n, x, xids, precomputed_idx BQQ_SINCE_FAISS_1_8(, inverted_list_context));
        return;
    }
    direct_map.check_can_add(xids);
    const auto count = static_cast<size_t>(n);
    std::vector<uint8_t> codes(count * code_size);
    encode_vectors(n, x, precomputed_idx, codes.data());

    // All that can fail comes before the first change of the lists.
    std::vector<std::vector<size_t>> rows_of(nlist);
    DirectMapEntries entries(direct_map, count);
    const auto id = [&](size_t i) {
        return xids != nullptr ? xids[i] : ntotal + static_cast<idx_t>(i);
    };
    CodeLists& lists = ours->changed();
    for (size_t i = 0; i < count; ++i) {
        const idx_t list = precomputed_idx[i];
        if (list < 0) {
            entries.add(id(i), -1);
            continue;
        }
        std::vector<size_t>& rows = rows_of[static_cast<size_t>(list)];
        const size_t position = lists.size(static_cast<size_t>(list)) + rows.size();
        entries.add(
                id(i), static_cast<idx_t>(faiss::lo_build(static_cast<uint64_t>(list), position)));
        rows.push_back(i);
    }
    std::vector<uint8_t> list_codes;
    std::vector<idx_t> list_ids;
    size_t most = 0;
    for (size_t list = 0; list < nlist; ++list) {
        if (rows_of[list].empty()) continue;
        unsigned width = 0;
        for (const size_t i : rows_of[list]) width = std::max(width, PackedIds::width_of(id(i)));
        lists.reserve(list, lists.size(list) + rows_of[list].size(), width);
        most = std::max(most, rows_of[list].size());
    }
    list_codes.reserve(most * code_size);
    list_ids.reserve(most);
    for (size_t list = 0; list < nlist; ++list) {
        if (rows_of[list].empty()) continue;
        list_codes.clear();
        list_ids.clear();
        for (const size_t i : rows_of[list]) {
            const auto code = codes.begin() + static_cast<std::ptrdiff_t>(i * code_size);
            list_codes.insert(
                    list_codes.end(), code, code + static_cast<std::ptrdiff_t>(code_size));
            list_ids.push_back(id(i));
        }
        (void)lists.append(list, list_ids.size(), list_codes.data(), list_ids);
    }
    entries.keep();
    ntotal += n;
}

namespace {

const faiss::SearchParameters* coarse_parameters(const faiss::SearchParameters* params) {
    const auto* ivf = dynamic_cast<const faiss::SearchParametersIVF*>(params);
    return ivf != nullptr ? ivf->quantizer_params : nullptr;
}

} // namespace

void IndexIVFBQQ::search(
        idx_t n, const float* x, idx_t k, float* distances, idx_t* labels,
        const faiss::SearchParameters* params) const {
    check_k(k, "search()");
    IVFSearch search = to_ivf_search(*this, params);
    check_ready(*this, n, x, "search()");
    with_faiss_errors([&] {
        if (search.sel == nullptr || !search.widen_for_selector || search.nprobe == nlist)
            return search_nearest_lists(search, n, x, k, distances, labels, params);
        const double part = part_allowed(*this, *search.sel);
        const double wanted = static_cast<double>(search.nprobe) / part; // infinity for none
        search.nprobe = wanted < static_cast<double>(nlist) ? static_cast<size_t>(wanted) : nlist;
        search_nearest_lists(search, n, x, k, distances, labels, params);
        if (search.nprobe == nlist || (parallel_mode & PARALLEL_MODE_NO_HEAP_INIT) != 0) return;
        search.nprobe = nlist;
        for (idx_t i = 0; i < n; ++i)
            if (labels[(i + 1) * k - 1] < 0)
                search_nearest_lists(
                        search, 1, x + i * d, k, distances + i * k, labels + i * k, params);
    });
}

void IndexIVFBQQ::search_nearest_lists(
        const IVFSearch& search, idx_t n, const float* x, idx_t k, float* distances, idx_t* labels,
        const faiss::SearchParameters* params) const {
    // The lists to visit are held for some queries at a time.
    constexpr size_t kVisits = size_t{1} << 18;
    const auto queries = static_cast<idx_t>(std::clamp<size_t>(kVisits / search.nprobe, 48, 4096));
    const auto held = static_cast<size_t>(std::min(n, queries)) * search.nprobe;
    std::vector<idx_t> keys(held);
    std::vector<float> centroid_dis(held);
    for (idx_t i = 0; i < n; i += queries) {
        const idx_t count = std::min(queries, n - i);
        const double start = faiss::getmillisecs();
        coarse_->search(
                *quantizer, count, x + i * d, search.nprobe, coarse_parameters(params),
                centroid_dis.data(), keys.data());
        const double assigned = faiss::getmillisecs();
        invlists->prefetch_lists(
                keys.data(), static_cast<int>(static_cast<size_t>(count) * search.nprobe));
        search_lists(
                *this, search, count, x + i * d, k, keys.data(), centroid_dis.data(),
                distances + i * k, labels + i * k, faiss::indexIVF_stats);
        add_to_stats(faiss::indexIVF_stats.quantization_time, assigned - start);
        add_to_stats(faiss::indexIVF_stats.search_time, faiss::getmillisecs() - start);
    }
}

void IndexIVFBQQ::search_preassigned(
        idx_t n, const float* x, idx_t k, const idx_t* assign, const float* centroid_dis,
        float* distances, idx_t* labels, bool store_pairs, const faiss::IVFSearchParameters* params,
        faiss::IndexIVFStats* stats) const {
    check_k(k, "search_preassigned()");
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
    const size_t probes = static_cast<size_t>(n) * search.nprobe;
    with_faiss_errors([&] {
        std::vector<idx_t> assign(probes);
        std::vector<float> centroid_dis(probes);
        coarse_->search(
                *quantizer, n, x, search.nprobe, coarse_parameters(params), centroid_dis.data(),
                assign.data());
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
    const std::vector<uint32_t> lists = checked_lists(*this, n, list_nos);
    std::vector<uint8_t> bare(listno_size == 0 ? 0 : static_cast<size_t>(n) * code_size);
    uint8_t* to = listno_size == 0 ? codes : bare.data();
    with_faiss_errors([&] {
        encode_in_lists(codec_, coding_lists(*this), static_cast<size_t>(n), x, lists, to);
    });
    for (idx_t i = 0; i < n; ++i) {
        uint8_t* row = codes + static_cast<size_t>(i) * row_size;
        if (list_nos[i] < 0) {
            std::fill_n(row, row_size, uint8_t{0});
        } else if (listno_size > 0) {
            encode_listno(list_nos[i], row);
            std::copy_n(to + static_cast<size_t>(i) * code_size, code_size, row + listno_size);
        }
    }
}

void IndexIVFBQQ::decode_vectors(
        idx_t n, const uint8_t* codes, const idx_t* list_nos, float* x) const {
    check_count(n, "decode_vectors()");
    FAISS_THROW_IF_NOT_MSG(is_trained, "BQQ: decode_vectors() before train()");
    const std::vector<uint32_t> lists = checked_lists(*this, n, list_nos);
    with_faiss_errors([&] {
        decode_in_lists(codec_, coding_lists(*this), static_cast<size_t>(n), codes, lists, x);
    });
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
    auto* ours = dynamic_cast<InterleavedLists*>(invlists);
    if (direct_map.type == faiss::DirectMap::Array || ours == nullptr)
        return with_faiss_errors([&] { return faiss::IndexIVF::remove_ids(sel); });
    CodeLists& lists = ours->changed();
    // The selector is asked first: it may throw.
    std::vector<std::vector<size_t>> removed(nlist);
    for (size_t list = 0; list < nlist; ++list)
        for (size_t i = 0; i < lists.size(list); ++i)
            if (sel.is_member(lists.id({list, i}))) removed[list].push_back(i);
    size_t count = 0;
    for (size_t list = 0; list < nlist; ++list) {
        // As in FAISS, the last entry takes the place of one that goes.
        size_t size = lists.size(list);
        std::vector<size_t>& gone = removed[list];
        count += gone.size();
        if (direct_map.type == faiss::DirectMap::Hashtable)
            for (const size_t i : gone) direct_map.hashtable.erase(lists.id({list, i}));
        for (size_t i = 0; i < gone.size();) {
            --size;
            if (gone.back() == size) {
                gone.pop_back();
                continue;
            }
            if (direct_map.type == faiss::DirectMap::Hashtable)
                direct_map.hashtable.at(lists.id({list, size})) =
                        static_cast<idx_t>(faiss::lo_build(list, gone[i]));
            lists.move(list, size, gone[i++]);
        }
        if (size != lists.size(list)) lists.resize(list, size);
    }
    ntotal -= static_cast<idx_t>(count);
    return count;
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
            faiss::demangle_cpp_symbol(typeid(other).name()).c_str());
    FAISS_THROW_IF_NOT_FMT(
            o->d == d && o->nlist == nlist && o->codec_.M() == codec_.M() &&
                    o->metric_type == metric_type,
            "BQQ: merge of d = %d, nlist = %zu, M = %zu, metric %d with d = %d, nlist = %zu, "
            "M = %zu, metric %d",
            d, nlist, codec_.M(), static_cast<int>(metric_type), o->d, o->nlist, o->codec_.M(),
            static_cast<int>(o->metric_type));
    FAISS_THROW_IF_NOT_MSG(
            o->is_trained == is_trained && o->codec_ == codec_ && o->list_basis_ == list_basis_ &&
                    o->centroid_scale_ == centroid_scale_,
            "BQQ: merge of indexes that were trained differently");
    faiss::IndexIVF::check_compatible_for_merge(other);
}

void IndexIVFBQQ::merge_from(faiss::Index& other, idx_t add_id) {
    FAISS_THROW_IF_NOT_MSG(&other != this, "BQQ: merge_from() of an index with itself");
    check_compatible_for_merge(other);
    auto& o = dynamic_cast<IndexIVFBQQ&>(other);
    check_writable(*this, "merge_from()");
    check_writable(o, "merge_from()");
    auto* ours = dynamic_cast<InterleavedLists*>(invlists);
    const auto* theirs = dynamic_cast<const InterleavedLists*>(o.invlists);
    if (ours == nullptr || theirs == nullptr) {
        with_faiss_errors([&] { faiss::IndexIVF::merge_from(other, add_id); });
        return;
    }
    CodeLists& to = ours->changed();
    const CodeLists& from = theirs->lists();
    size_t most = 0;
    for (size_t list = 0; list < nlist; ++list) {
        unsigned width = 0;
        for (size_t i = 0; i < from.size(list); ++i)
            width = std::max(width, PackedIds::width_of(from.id({list, i}) + add_id));
        to.reserve(list, to.size(list) + from.size(list), width);
        most = std::max(most, from.size(list));
    }
    std::vector<uint8_t> codes(most * code_size);
    std::vector<idx_t> ids;
    ids.reserve(most);
    for (size_t list = 0; list < nlist; ++list) {
        copy_codes(from.codes(list), 0, from.size(list), codes.data());
        ids.clear();
        for (size_t i = 0; i < from.size(list); ++i) ids.push_back(from.id({list, i}) + add_id);
        (void)to.append(list, ids.size(), codes.data(), ids);
    }
    ntotal += o.ntotal;
    o.reset();
}

faiss::InvertedListScanner* IndexIVFBQQ::get_InvertedListScanner(
        bool store_pairs, const faiss::IDSelector* sel BQQ_SINCE_FAISS_1_8(
                                  , const faiss::IVFSearchParameters* params)) const {
    const faiss::SearchParameters* given = nullptr;
    BQQ_SINCE_FAISS_1_8(given = params;)
    return new ListScanner(*this, store_pairs, sel, to_ivf_search(*this, given).scan);
}

} // namespace bqq
