#include <bqq/index/IndexBQQ.h>

#include "index/checks.h"
#include "index/code_distance_computer.h"
#include "index/faiss_errors.h"
#include "base/parallel_for.h"
#include "search/flat_search.h"
#include "store/grouped_codes.h"

#include <faiss/impl/AuxIndexStructures.h>
#include <faiss/impl/FaissAssert.h>
#include <faiss/impl/IDSelector.h>

#include <algorithm>
#include <limits>
#include <typeinfo>
#include <vector>

namespace bqq {

namespace {

// Codes of this many vectors are held beside the index while it grows.
constexpr idx_t kBatch = 8192;

ScanParameters to_scan_parameters(const faiss::SearchParameters* params) {
    if (params == nullptr) return {};
    const auto* ours = dynamic_cast<const SearchParametersBQQ*>(params);
    if (ours == nullptr) {
        FAISS_THROW_IF_NOT_FMT(
                typeid(*params) == typeid(faiss::SearchParameters),
                "BQQ: search parameters of class %s, must be SearchParameters or "
                "SearchParametersBQQ",
                typeid(*params).name());
        return {};
    }
    return checked_scan_parameters(ours->query_bits, ours->margin);
}

Allowed to_allowed(const faiss::SearchParameters* params) {
    if (params == nullptr || params->sel == nullptr) return {};
    return [sel = params->sel](int64_t position) { return sel->is_member(position); };
}

std::unique_ptr<GroupedCodes> no_codes(const GroupedQuantizer& quantizer) {
    return std::make_unique<GroupedCodes>(
            quantizer.groups(), quantizer.code_size, quantizer.group_bytes());
}

} // namespace

IndexBQQ::IndexBQQ(idx_t d_, size_t M, faiss::MetricType metric, int depth, size_t groups)
        : faiss::Index(d_, metric),
          bqq(make_quantizer(d_, M, metric, depth, groups)),
          codes_(no_codes(bqq)) {
    is_trained = false;
}

IndexBQQ::IndexBQQ(const IndexBQQ& other)
        : faiss::Index(other),
          bqq(other.bqq),
          training(other.training),
          codes_(std::make_unique<GroupedCodes>(*other.codes_)) {}

IndexBQQ& IndexBQQ::operator=(const IndexBQQ& other) {
    if (this == &other) return *this;
    auto codes = std::make_unique<GroupedCodes>(*other.codes_);
    faiss::Index::operator=(other);
    bqq = other.bqq;
    training = other.training;
    codes_ = std::move(codes);
    return *this;
}

IndexBQQ::~IndexBQQ() = default;

void IndexBQQ::train(idx_t n, const float* x) {
    check_count(n, "train()");
    FAISS_THROW_IF_NOT_FMT(
            ntotal == 0, "BQQ: train() on an index that holds %ld vectors; reset() it first",
            static_cast<long>(ntotal));
    with_faiss_errors(
            [&] { bqq.train(static_cast<size_t>(n), x, with_progress(training, verbose)); });
    codes_ = no_codes(bqq);
    is_trained = true;
}

void IndexBQQ::add(idx_t n, const float* x) {
    check_vectors(*this, n, x, "add()");
    if (n == 0) return;
    const auto before = static_cast<size_t>(ntotal);
    with_faiss_errors([&] {
        try {
            if (n > kBatch) codes_->reserve(before + static_cast<size_t>(n));
            std::vector<uint8_t> codes(static_cast<size_t>(std::min(n, kBatch)) * bqq.code_size);
            for (idx_t i = 0; i < n; i += kBatch) {
                const auto count = static_cast<size_t>(std::min(kBatch, n - i));
                bqq.compute_codes(x + i * d, codes.data(), count);
                codes_->add(count, codes.data());
            }
        } catch (...) {
            codes_->truncate(before);
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
    with_faiss_errors([&] { codes_->add(static_cast<size_t>(n), codes); });
    ntotal += n;
}

void IndexBQQ::set_trained(GroupedQuantizer quantizer) {
    FAISS_THROW_IF_NOT_FMT(
            ntotal == 0, "BQQ: set_trained() on an index that holds %ld vectors",
            static_cast<long>(ntotal));
    bqq = std::move(quantizer);
    codes_ = no_codes(bqq);
    is_trained = true;
}

void IndexBQQ::search(
        idx_t n, const float* x, idx_t k, float* distances, idx_t* labels,
        const faiss::SearchParameters* params) const {
    FAISS_THROW_IF_NOT_FMT(
            k > 0, "BQQ: search() got k = %ld, must be at least 1", static_cast<long>(k));
    const ScanParameters parameters = to_scan_parameters(params);
    check_vectors(*this, n, x, "search()");
    with_faiss_errors([&] {
        search_codes(
                bqq, *codes_, static_cast<size_t>(n), x, static_cast<size_t>(k), parameters,
                to_allowed(params), distances, labels);
    });
}

void IndexBQQ::range_search(
        idx_t n, const float* x, float radius, faiss::RangeSearchResult* result,
        const faiss::SearchParameters* params) const {
    const ScanParameters parameters = to_scan_parameters(params);
    check_vectors(*this, n, x, "range_search()");
    const Allowed allowed = to_allowed(params);
    FirstError error;
#pragma omp parallel if (n > 1)
    {
        faiss::RangeSearchPartialResult partial(result);
#pragma omp for schedule(dynamic)
        for (idx_t i = 0; i < n; ++i)
            error.guard([&] {
                faiss::RangeQueryResult& row = partial.new_result(i);
                range_search_codes(
                        bqq, *codes_, x + i * d, radius, parameters, allowed,
                        [&](int64_t code, float distance) { row.add(distance, code); });
            });
        partial.finalize();
    }
    with_faiss_errors([&] { error.rethrow(); });
}

void IndexBQQ::reset() {
    codes_->clear();
    ntotal = 0;
}

size_t IndexBQQ::remove_ids(const faiss::IDSelector& sel) {
    const size_t removed =
            codes_->filter([&](size_t i) { return !sel.is_member(static_cast<idx_t>(i)); });
    ntotal -= static_cast<idx_t>(removed);
    return removed;
}

void IndexBQQ::reconstruct(idx_t key, float* recons) const {
    reconstruct_n(key, 1, recons);
}

void IndexBQQ::reconstruct_n(idx_t i0, idx_t ni, float* recons) const {
    if (ni == 0) return;
    FAISS_THROW_IF_NOT_FMT(
            ni > 0 && i0 >= 0 && ni <= ntotal && i0 <= ntotal - ni,
            "BQQ: reconstruct of %ld vectors from %ld on, index has ntotal = %ld",
            static_cast<long>(ni), static_cast<long>(i0), static_cast<long>(ntotal));
    std::vector<uint8_t> codes(static_cast<size_t>(std::min(ni, kBatch)) * bqq.code_size);
    for (idx_t i = 0; i < ni; i += kBatch) {
        const idx_t count = std::min(kBatch, ni - i);
        get_codes(i0 + i, count, codes.data());
        sa_decode(count, codes.data(), recons + i * d);
    }
}

size_t IndexBQQ::sa_code_size() const {
    return bqq.code_size;
}

void IndexBQQ::sa_encode(idx_t n, const float* x, uint8_t* bytes) const {
    check_vectors(*this, n, x, "sa_encode()");
    with_faiss_errors([&] { bqq.compute_codes(x, bytes, static_cast<size_t>(n)); });
}

void IndexBQQ::sa_decode(idx_t n, const uint8_t* bytes, float* x) const {
    check_count(n, "sa_decode()");
    with_faiss_errors([&] { bqq.decode(bytes, x, static_cast<size_t>(n)); });
}

void IndexBQQ::check_compatible_for_merge(const faiss::Index& other) const {
    const auto* o = dynamic_cast<const IndexBQQ*>(&other);
    FAISS_THROW_IF_NOT_FMT(
            o != nullptr, "BQQ: merge with an index of class %s, must be IndexBQQ",
            typeid(other).name());
    FAISS_THROW_IF_NOT_FMT(
            o->d == d && o->bqq.M == bqq.M && o->metric_type == metric_type,
            "BQQ: merge of d = %d, M = %zu, metric %d with d = %d, M = %zu, metric %d", d, bqq.M,
            static_cast<int>(metric_type), o->d, o->bqq.M, static_cast<int>(o->metric_type));
    FAISS_THROW_IF_NOT_MSG(
            o->is_trained == is_trained && o->bqq == bqq,
            "BQQ: merge of indexes that were trained differently");
}

void IndexBQQ::merge_from(faiss::Index& other, idx_t add_id) {
    FAISS_THROW_IF_NOT_FMT(
            add_id == 0, "BQQ: merge_from() got add_id = %ld, must be 0: ids are positions",
            static_cast<long>(add_id));
    FAISS_THROW_IF_NOT_MSG(&other != this, "BQQ: merge_from() of an index with itself");
    check_compatible_for_merge(other);
    auto& o = dynamic_cast<IndexBQQ&>(other);
    codes_->reserve(static_cast<size_t>(ntotal + o.ntotal));
    std::vector<uint8_t> codes(static_cast<size_t>(std::min(o.ntotal, kBatch)) * bqq.code_size);
    for (idx_t i = 0; i < o.ntotal; i += kBatch) {
        const idx_t count = std::min(kBatch, o.ntotal - i);
        o.get_codes(i, count, codes.data());
        codes_->add(static_cast<size_t>(count), codes.data());
    }
    ntotal += o.ntotal;
    o.reset();
}

void IndexBQQ::get_codes(idx_t i0, idx_t n, uint8_t* bytes) const {
    for (idx_t i = 0; i < n; ++i)
        codes_->get(static_cast<size_t>(i0 + i), bytes + static_cast<size_t>(i) * bqq.code_size);
}

faiss::DistanceComputer* IndexBQQ::get_distance_computer() const {
    return new CodeDistanceComputer(bqq, *codes_);
}

} // namespace bqq
