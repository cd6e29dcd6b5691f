#include <bqq/index/IndexBQQ.h>

#include "index/checks.h"
#include "index/distance_computer.h"
#include "index/results.h"
#include "search/list_search.h"
#include "store/code_lists.h"

#include <faiss/impl/FaissAssert.h>
#include <faiss/impl/IDSelector.h>

#include <algorithm>
#include <typeinfo>
#include <utility>

namespace bqq {

namespace {

// Codes of this many vectors are held beside the index while it grows.
constexpr idx_t kCodesHeld = 8192;

const SearchParametersBQQ* own_parameters(const faiss::SearchParameters* params) {
    const auto* ours = dynamic_cast<const SearchParametersBQQ*>(params);
    FAISS_THROW_IF_NOT_FMT(
            params == nullptr || ours != nullptr ||
                    typeid(*params) == typeid(faiss::SearchParameters),
            "BQQ: search parameters of class %s, must be SearchParameters or SearchParametersBQQ",
            faiss::demangle_cpp_symbol(typeid(*params).name()).c_str());
    return ours;
}

std::unique_ptr<CodeLists> no_codes(const Quantizer& codec) {
    return std::make_unique<CodeLists>(
            std::max<size_t>(1, codec.bases()), codec.code_size(), CodeLists::Ids::positional);
}

void check_writable(const IndexBQQ& index, const char* what) {
    FAISS_THROW_IF_NOT_FMT(
            !index.lists().is_mapped(), "BQQ: %s on codes in a mapped file, which are read-only",
            what);
}

void check_positions(const IndexBQQ& index, idx_t i0, idx_t n) {
    FAISS_THROW_IF_NOT_FMT(
            n >= 0 && i0 >= 0 && n <= index.ntotal && i0 <= index.ntotal - n,
            "BQQ: %ld vectors from %ld on, index has ntotal = %ld", static_cast<long>(n),
            static_cast<long>(i0), static_cast<long>(index.ntotal));
}

/// Bytes of a standalone code in front of those of the codec, for its list.
size_t list_bytes(const Quantizer& codec) {
    return codec.wanted_bases() == 1 ? 0 : 1;
}

/// Standalone codes, taken apart.
struct Codes {
    std::vector<uint8_t> codes;
    std::vector<uint32_t> lists;

    Codes(const Quantizer& codec, size_t n, const uint8_t* bytes) : lists(n) {
        const size_t extra = list_bytes(codec);
        const size_t size = codec.code_size();
        codes.reserve(n * size);
        for (size_t i = 0; i < n; ++i, bytes += extra + size) {
            if (extra > 0) lists[i] = bytes[0];
            FAISS_THROW_IF_NOT_FMT(
                    lists[i] < codec.bases(), "BQQ: a code in list %u, there are %zu", lists[i],
                    codec.bases());
            codes.insert(codes.end(), bytes + extra, bytes + extra + size);
        }
    }
};

ListSearch list_search(
        const IndexBQQ& index, const SearchedLists& lists, const faiss::SearchParameters* params) {
    ListSearch search{index.codec(), lists, index.lists().nlist(), {}, {}, {}};
    const SearchParametersBQQ* ours = own_parameters(params);
    search.parameters = scan_parameters(index, ours);
    search.parameters.leave_early =
            ours != nullptr ? ours->leave_early.value_or(index.leave_early) : index.leave_early;
    if (params != nullptr && params->sel != nullptr)
        search.allowed = [sel = params->sel, &codes = index.lists()](Place place) {
            return sel->is_member(codes.id(place));
        };
    return search;
}

} // namespace

IndexBQQ::IndexBQQ(
        idx_t d_, size_t M, faiss::MetricType metric, std::optional<int> depth,
        std::optional<size_t> bases, std::optional<Atoms> atoms)
        : IndexBQQ(make_codec(d_, M, metric, depth, bases, atoms)) {}

IndexBQQ::IndexBQQ(Quantizer codec)
        : faiss::Index(static_cast<idx_t>(codec.d()), to_faiss(codec.metric())),
          codec_(std::move(codec)),
          lists_(no_codes(codec_)) {
    is_trained = codec_.is_trained();
}

IndexBQQ::IndexBQQ(const IndexBQQ& other)
        : faiss::Index(other),
          TwoStages(other),
          training(other.training),
          leave_early(other.leave_early),
          codec_(other.codec_),
          lists_(std::make_unique<CodeLists>(*other.lists_)) {}

IndexBQQ& IndexBQQ::operator=(const IndexBQQ& other) {
    if (this == &other) return *this;
    auto lists = std::make_unique<CodeLists>(*other.lists_);
    faiss::Index::operator=(other);
    TwoStages::operator=(other);
    training = other.training;
    leave_early = other.leave_early;
    codec_ = other.codec_;
    lists_ = std::move(lists);
    return *this;
}

IndexBQQ::~IndexBQQ() = default;

MemoryBytes IndexBQQ::memory_bytes() const {
    MemoryBytes bytes = codec_.memory_bytes();
    bytes.codes = lists_->codes_bytes();
    bytes.ids = lists_->ids_bytes();
    return bytes;
}

void IndexBQQ::train(idx_t n, const float* x) {
    check_count(n, "train()");
    FAISS_THROW_IF_NOT_FMT(
            ntotal == 0, "BQQ: train() on an index that holds %ld vectors; reset() it first",
            static_cast<long>(ntotal));
    with_faiss_errors([&] {
        Quantizer trained = codec_;
        trained.train({x, static_cast<size_t>(n) * codec_.d()}, with_progress(training, verbose));
        lists_ = no_codes(trained);
        codec_ = std::move(trained);
    });
    is_trained = true;
}

void IndexBQQ::add(idx_t n, const float* x) {
    check_vectors(*this, n, x, "add()");
    check_writable(*this, "add()");
    if (n == 0) return;
    const auto before = static_cast<size_t>(ntotal);
    with_faiss_errors([&] {
        try {
            lists_->reserve(before + static_cast<size_t>(n));
            std::vector<uint8_t> codes;
            std::vector<uint32_t> lists;
            for (idx_t i = 0; i < n; i += kCodesHeld) {
                const auto count = static_cast<size_t>(std::min(kCodesHeld, n - i));
                codes.resize(count * codec_.code_size());
                lists.resize(count);
                codec_.encode({x + i * d, count * codec_.d()}, codes, lists);
                lists_->append(count, codes.data(), lists);
            }
        } catch (...) {
            lists_->truncate(before);
            throw;
        }
    });
    ntotal += n;
}

void IndexBQQ::add_sa_codes(idx_t n, const uint8_t* codes, const idx_t* xids) {
    check_count(n, "add_sa_codes()");
    FAISS_THROW_IF_NOT_MSG(is_trained, "BQQ: add_sa_codes() before train()");
    FAISS_THROW_IF_NOT_MSG(
            xids == nullptr,
            "BQQ: add_sa_codes() got ids; ids are positions, wrap the index in IndexIDMap2");
    check_writable(*this, "add_sa_codes()");
    const Codes parts(codec_, static_cast<size_t>(n), codes);
    lists_->append(static_cast<size_t>(n), parts.codes.data(), parts.lists);
    ntotal += n;
}

void IndexBQQ::set_lists(std::unique_ptr<CodeLists> lists) {
    FAISS_THROW_IF_NOT_FMT(
            lists->nlist() == lists_->nlist() && lists->code_size() == lists_->code_size(),
            "BQQ: %zu lists of codes of %zu bytes, the index has %zu of %zu", lists->nlist(),
            lists->code_size(), lists_->nlist(), lists_->code_size());
    lists_ = std::move(lists);
    ntotal = static_cast<idx_t>(lists_->size());
}

void IndexBQQ::search(
        idx_t n, const float* x, idx_t k, float* distances, idx_t* labels,
        const faiss::SearchParameters* params) const {
    check_k(k, "search()");
    check_vectors(*this, n, x, "search()");
    const SearchedCodeLists lists(*lists_);
    const ListSearch search = list_search(*this, lists, params);
    const ResultRows rows{static_cast<size_t>(k), distances, labels, codec_.metric()};
    with_faiss_errors([&] {
        search_all_lists<NearestCodes>(
                search, static_cast<size_t>(n), x,
                [&](size_t, double base) {
                    return NearestCodes(search.nlist, rows.k, static_cast<size_t>(ntotal), base);
                },
                [&](size_t i, NearestCodes& nearest) {
                    rows.write(i, nearest, [&](Place place) { return lists_->id(place); });
                });
    });
}

void IndexBQQ::range_search(
        idx_t n, const float* x, float radius, faiss::RangeSearchResult* result,
        const faiss::SearchParameters* params) const {
    check_vectors(*this, n, x, "range_search()");
    const SearchedCodeLists lists(*lists_);
    const ListSearch search = list_search(*this, lists, params);
    with_faiss_errors([&] {
        RangeRows rows(static_cast<size_t>(n), codec_.metric(), radius, [&](Place place) {
            return lists_->id(place);
        });
        search_all_lists<CodesWithin>(
                search, static_cast<size_t>(n), x,
                [&](size_t, double base) { return rows.collector(base); },
                [&](size_t i, CodesWithin& found) { rows.write(i, found); });
        rows.finish(result);
    });
}

void IndexBQQ::reset() {
    check_writable(*this, "reset()");
    lists_->truncate(0);
    ntotal = 0;
}

size_t IndexBQQ::remove_ids(const faiss::IDSelector& sel) {
    check_writable(*this, "remove_ids()");
    // The selector is asked first: it may throw.
    std::vector<bool> removed(static_cast<size_t>(ntotal));
    for (idx_t i = 0; i < ntotal; ++i) removed[static_cast<size_t>(i)] = sel.is_member(i);
    const auto count = std::count(removed.begin(), removed.end(), true);
    if (count > 0) lists_->remove(removed);
    ntotal -= count;
    return static_cast<size_t>(count);
}

void IndexBQQ::reconstruct(idx_t key, float* recons) const {
    reconstruct_n(key, 1, recons);
}

void IndexBQQ::reconstruct_n(idx_t i0, idx_t ni, float* recons) const {
    check_positions(*this, i0, ni);
    std::vector<uint8_t> codes(static_cast<size_t>(std::min(ni, kCodesHeld)) * sa_code_size());
    for (idx_t i = 0; i < ni; i += kCodesHeld) {
        const idx_t count = std::min(kCodesHeld, ni - i);
        get_codes(i0 + i, count, codes.data());
        sa_decode(count, codes.data(), recons + i * d);
    }
}

size_t IndexBQQ::sa_code_size() const {
    return list_bytes(codec_) + codec_.code_size();
}

void IndexBQQ::sa_encode(idx_t n, const float* x, uint8_t* bytes) const {
    check_vectors(*this, n, x, "sa_encode()");
    const auto count = static_cast<size_t>(n);
    const size_t size = codec_.code_size();
    std::vector<uint8_t> codes(count * size);
    std::vector<uint32_t> lists(count);
    with_faiss_errors([&] { codec_.encode({x, count * codec_.d()}, codes, lists); });
    for (size_t i = 0; i < count; ++i) {
        if (list_bytes(codec_) > 0) *bytes++ = static_cast<uint8_t>(lists[i]);
        bytes = std::copy_n(codes.data() + i * size, size, bytes);
    }
}

void IndexBQQ::sa_decode(idx_t n, const uint8_t* bytes, float* x) const {
    check_count(n, "sa_decode()");
    FAISS_THROW_IF_NOT_MSG(is_trained, "BQQ: sa_decode() before train()");
    const Codes parts(codec_, static_cast<size_t>(n), bytes);
    with_faiss_errors([&] {
        codec_.decode(parts.codes, parts.lists, {x, static_cast<size_t>(n) * codec_.d()});
    });
}

void IndexBQQ::check_compatible_for_merge(const faiss::Index& other) const {
    const auto* o = dynamic_cast<const IndexBQQ*>(&other);
    FAISS_THROW_IF_NOT_FMT(
            o != nullptr, "BQQ: merge with an index of class %s, must be IndexBQQ",
            faiss::demangle_cpp_symbol(typeid(other).name()).c_str());
    FAISS_THROW_IF_NOT_FMT(
            o->d == d && o->codec_.M() == codec_.M() && o->metric_type == metric_type,
            "BQQ: merge of d = %d, M = %zu, metric %d with d = %d, M = %zu, metric %d", d,
            codec_.M(), static_cast<int>(metric_type), o->d, o->codec_.M(),
            static_cast<int>(o->metric_type));
    FAISS_THROW_IF_NOT_MSG(
            o->codec_ == codec_, "BQQ: merge of indexes that were trained differently");
}

void IndexBQQ::merge_from(faiss::Index& other, idx_t add_id) {
    FAISS_THROW_IF_NOT_FMT(
            add_id == 0, "BQQ: merge_from() got add_id = %ld, must be 0: ids are positions",
            static_cast<long>(add_id));
    FAISS_THROW_IF_NOT_MSG(&other != this, "BQQ: merge_from() of an index with itself");
    check_compatible_for_merge(other);
    auto& o = dynamic_cast<IndexBQQ&>(other);
    check_writable(*this, "merge_from()");
    check_writable(o, "merge_from()");
    lists_->append(*o.lists_);
    ntotal += o.ntotal;
    o.reset();
}

void IndexBQQ::get_codes(idx_t i0, idx_t n, uint8_t* bytes) const {
    check_positions(*this, i0, n);
    const size_t extra = list_bytes(codec_);
    for (idx_t i = i0; i < i0 + n; ++i, bytes += sa_code_size()) {
        const auto position = static_cast<size_t>(i);
        if (extra > 0) bytes[0] = static_cast<uint8_t>(lists_->place(position).list);
        lists_->get(position, bytes + extra);
    }
}

faiss::DistanceComputer* IndexBQQ::get_distance_computer() const {
    return new CodeDistanceComputer(codec_, *lists_);
}

} // namespace bqq
