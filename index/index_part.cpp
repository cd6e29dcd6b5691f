#include "index/index_part.h"

#include "index/checks.h"
#include "index/inverted_lists.h"

#include <bqq/index/index_io.h>
#include <faiss/IndexIDMap.h>
#include <faiss/impl/FaissAssert.h>

#include <algorithm>
#include <numeric>
#include <typeinfo>
#include <utility>

namespace bqq {

namespace {

/** A copy of a caller's search parameters.
 * @param ours    what is not given
 * @param params  of class Ours or Plain, or nullptr
 * @throws faiss::FaissException  for parameters of another class
 */
template <class Plain, class Ours>
Ours copied(Ours ours, const faiss::SearchParameters* params) {
    if (params == nullptr) return ours;
    if (const auto* given = dynamic_cast<const Ours*>(params)) return *given;
    FAISS_THROW_IF_NOT_FMT(
            typeid(*params) == typeid(Plain), "BQQ: search parameters of class %s",
            faiss::demangle_cpp_symbol(typeid(*params).name()).c_str());
    static_cast<Plain&>(ours) = dynamic_cast<const Plain&>(*params);
    return ours;
}

/// An inverted file, which keeps ids itself. The coarse quantizer is shared by all parts.
class IVFPart : public IndexPart {
public:
    explicit IVFPart(std::unique_ptr<IndexIVFBQQ> index) : index_(std::move(index)) {
        if (index_->own_fields) {
            coarse_.reset(index_->quantizer);
            index_->own_fields = false;
        }
    }

    std::unique_ptr<IndexPart> empty_copy() const override {
        auto copy = std::make_unique<IndexIVFBQQ>(
                index_->quantizer, index_->nlist,
                Quantizer(
                        index_->codec().d(), index_->codec().M(), index_->codec().metric(),
                        index_->codec().wanted_depth(), index_->codec().wanted_bases(),
                        index_->codec().wanted_atoms()));
        copy->set_trained(index_->codec(), index_->list_basis(), index_->centroid_scale());
        static_cast<TwoStages&>(*copy) = *index_;
        copy->training = index_->training;
        copy->widen_for_selector = index_->widen_for_selector;
        copy->nprobe = index_->nprobe;
        copy->max_codes = index_->max_codes;
        copy->parallel_mode = index_->parallel_mode;
        auto part = std::make_unique<IVFPart>(std::move(copy));
        part->coarse_ = coarse_;
        return part;
    }
    void add(idx_t n, const float* x, const idx_t* ids) override {
        index_->add_with_ids(n, x, ids);
    }
    void append(const IndexPart& other, const RemovedIds& removed) override {
        const faiss::InvertedLists& from = *dynamic_cast<const IVFPart&>(other).index_->invlists;
        for (size_t list = 0; list < from.nlist; ++list) {
            const size_t size = from.list_size(list);
            if (size == 0) continue;
            faiss::InvertedLists::ScopedCodes codes(&from, list);
            faiss::InvertedLists::ScopedIds ids(&from, list);
            std::vector<uint8_t> left_codes;
            std::vector<idx_t> left_ids;
            for (size_t i = 0; i < size; ++i) {
                if (removed.contains(ids[i])) continue;
                const uint8_t* code = codes.get() + i * index_->code_size;
                left_codes.insert(left_codes.end(), code, code + index_->code_size);
                left_ids.push_back(ids[i]);
            }
            index_->invlists->add_entries(
                    list, left_ids.size(), left_ids.data(), left_codes.data());
            index_->ntotal += static_cast<idx_t>(left_ids.size());
        }
    }

    size_t size() const override { return static_cast<size_t>(index_->ntotal); }
    void for_each_id(const std::function<void(idx_t)>& visit) const override {
        const faiss::InvertedLists& lists = *index_->invlists;
        for (size_t list = 0; list < lists.nlist; ++list)
            for (size_t i = 0; i < lists.list_size(list); ++i) visit(id_in(lists, {list, i}));
    }
    void search(
            idx_t n, const float* x, idx_t k, float* distances, idx_t* labels,
            const RemovedIds& removed, const faiss::SearchParameters* params) const override {
        if (removed.empty()) return index_->search(n, x, k, distances, labels, params);
        const IVFSearchParametersBQQ defaults = settings();
        auto ours = copied<faiss::SearchParametersIVF>(defaults, params);
        // Removed vectors are not such as a caller's selector leaves out.
        if (ours.sel == nullptr) ours.widen_for_selector = false;
        LeftOf left(removed, ours.sel);
        ours.sel = &left;
        index_->search(n, x, k, distances, labels, &ours);
    }
    faiss::MetricType metric() const override { return index_->metric_type; }
    std::unique_ptr<faiss::Index> to_index() const override {
        return std::make_unique<IndexIVFBQQ>(*index_);
    }

private:
    IVFSearchParametersBQQ settings() const {
        IVFSearchParametersBQQ settings;
        settings.nprobe = index_->nprobe;
        settings.max_codes = index_->max_codes;
        return settings;
    }

    std::shared_ptr<faiss::Index> coarse_; ///< null where it is the caller's
    std::unique_ptr<IndexIVFBQQ> index_;
};

/// Positions of a flat index, selected by their ids.
class ByPosition : public faiss::IDSelector {
public:
    ByPosition(const faiss::IDSelector& sel, const std::vector<idx_t>& ids)
            : sel_(sel), ids_(ids) {}
    bool is_member(idx_t position) const override {
        return sel_.is_member(ids_[static_cast<size_t>(position)]);
    }

private:
    const faiss::IDSelector& sel_;
    const std::vector<idx_t>& ids_;
};

class FlatPart : public IndexPart {
public:
    FlatPart(std::unique_ptr<IndexBQQ> index, std::vector<idx_t> ids)
            : index_(std::move(index)), ids_(std::move(ids)) {}

    std::unique_ptr<IndexPart> empty_copy() const override {
        auto copy = std::make_unique<IndexBQQ>(index_->codec());
        static_cast<TwoStages&>(*copy) = *index_;
        copy->training = index_->training;
        copy->leave_early = index_->leave_early;
        return std::make_unique<FlatPart>(std::move(copy), std::vector<idx_t>());
    }
    void add(idx_t n, const float* x, const idx_t* ids) override {
        index_->add(n, x);
        ids_.insert(ids_.end(), ids, ids + n);
    }
    void append(const IndexPart& other, const RemovedIds& removed) override {
        const auto& from = dynamic_cast<const FlatPart&>(other);
        constexpr size_t kTogether = 8192;
        const size_t size = index_->sa_code_size();
        std::vector<uint8_t> codes(std::min(from.size(), kTogether) * size);
        for (size_t first = 0; first < from.size(); first += kTogether) {
            const size_t count = std::min(kTogether, from.size() - first);
            from.index_->get_codes(
                    static_cast<idx_t>(first), static_cast<idx_t>(count), codes.data());
            size_t left = 0;
            for (size_t i = 0; i < count; ++i) {
                const idx_t id = from.ids_[first + i];
                if (removed.contains(id)) continue;
                if (left < i)
                    std::copy_n(codes.data() + i * size, size, codes.data() + left * size);
                ids_.push_back(id);
                ++left;
            }
            index_->add_sa_codes(static_cast<idx_t>(left), codes.data(), nullptr);
        }
    }

    size_t size() const override { return ids_.size(); }
    void for_each_id(const std::function<void(idx_t)>& visit) const override {
        std::for_each(ids_.begin(), ids_.end(), visit);
    }
    void search(
            idx_t n, const float* x, idx_t k, float* distances, idx_t* labels,
            const RemovedIds& removed, const faiss::SearchParameters* params) const override {
        auto ours = copied<faiss::SearchParameters>(SearchParametersBQQ(), params);
        const faiss::IDSelector* sel = params == nullptr ? nullptr : params->sel;
        const LeftOf left(removed, sel);
        ByPosition by_position(left, ids_);
        const bool all = removed.empty() && sel == nullptr;
        ours.sel = all ? nullptr : &by_position;
        index_->search(n, x, k, distances, labels, &ours);
        for (idx_t i = 0; i < n * k; ++i)
            if (labels[i] >= 0) labels[i] = ids_[static_cast<size_t>(labels[i])];
    }
    faiss::MetricType metric() const override { return index_->metric_type; }
    std::unique_ptr<faiss::Index> to_index() const override {
        auto codes = std::make_unique<IndexBQQ>(*index_);
        auto map = std::make_unique<faiss::IndexIDMap>();
        map->d = codes->d;
        map->metric_type = codes->metric_type;
        map->is_trained = true;
        map->ntotal = codes->ntotal;
        map->id_map = ids_;
        map->index = codes.release();
        map->own_fields = true;
        return map;
    }

private:
    std::unique_ptr<IndexBQQ> index_;
    std::vector<idx_t> ids_; ///< of the positions
};

template <class To>
std::unique_ptr<To> cast(std::unique_ptr<faiss::Index>& index) {
    auto* to = dynamic_cast<To*>(index.get());
    if (to != nullptr) (void)index.release();
    return std::unique_ptr<To>(to);
}

} // namespace

std::unique_ptr<IndexPart> to_part(std::unique_ptr<faiss::Index> index) {
    FAISS_THROW_IF_NOT_MSG(index != nullptr, "BQQ: ConcurrentIndex of a null index");
    FAISS_THROW_IF_NOT_MSG(index->is_trained, "BQQ: ConcurrentIndex of an index before train()");
    if (auto ivf = cast<IndexIVFBQQ>(index)) return std::make_unique<IVFPart>(std::move(ivf));
    if (auto flat = cast<IndexBQQ>(index)) {
        std::vector<idx_t> ids(static_cast<size_t>(flat->ntotal));
        std::iota(ids.begin(), ids.end(), idx_t{0});
        return std::make_unique<FlatPart>(std::move(flat), std::move(ids));
    }
    auto map = cast<faiss::IndexIDMap>(index);
    FAISS_THROW_IF_NOT_MSG(
            map != nullptr && dynamic_cast<IndexBQQ*>(map->index) != nullptr,
            "BQQ: ConcurrentIndex of an index that is none of IndexBQQ, IndexIDMap of an IndexBQQ "
            "and IndexIVFBQQ");
    std::unique_ptr<IndexBQQ> flat =
            map->own_fields ? std::unique_ptr<IndexBQQ>(dynamic_cast<IndexBQQ*>(map->index))
                            : std::make_unique<IndexBQQ>(dynamic_cast<IndexBQQ&>(*map->index));
    map->own_fields = false;
    return std::make_unique<FlatPart>(std::move(flat), std::move(map->id_map));
}

} // namespace bqq
