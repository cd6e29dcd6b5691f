#include <bqq/index/ConcurrentIndex.h>

#include "index/checks.h"
#include "index/faiss_errors.h"
#include "index/index_part.h"
#include "index/results.h"

#include <bqq/index/index_io.h>
#include <faiss/impl/FaissAssert.h>

#include <algorithm>
#include <condition_variable>
#include <limits>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <thread>
#include <tuple>
#include <unordered_set>
#include <utility>
#include <vector>

namespace bqq {

namespace {

/// A part, and what was removed from it since it was made.
struct Piece {
    std::shared_ptr<const IndexPart> part;
    RemovedIds removed;
    size_t removed_vectors = 0; ///< an id may have several

    size_t size() const { return part->size() - removed_vectors; }
};

/// What is left of pieces, as one.
std::unique_ptr<IndexPart> merged(const std::vector<Piece>& pieces) {
    std::unique_ptr<IndexPart> whole = pieces.front().part->empty_copy();
    for (const Piece& piece : pieces) whole->append(*piece.part, piece.removed);
    return whole;
}

/// Pieces [first, last) to be merged next.
struct Range {
    size_t first, last;
};

} // namespace

struct Snapshot::State {
    std::vector<Piece> pieces; ///< the oldest first; at least one, which may be empty

    size_t size() const {
        size_t sum = 0;
        for (const Piece& piece : pieces) sum += piece.size();
        return sum;
    }

    /** Each piece is to have more than twice the vectors of all after it, so there are few. Where
     * a third of its vectors were removed, it is made anew.
     */
    std::optional<Range> to_merge() const {
        size_t after = 0;
        std::optional<Range> range;
        for (size_t i = pieces.size(); i-- > 0; after += pieces[i].size())
            if (after > 0 && pieces[i].size() <= 2 * after) range = Range{i, pieces.size()};
        if (range) return range;
        for (size_t i = 0; i < pieces.size(); ++i)
            if (3 * pieces[i].removed_vectors > pieces[i].part->size()) return Range{i, i + 1};
        return {};
    }
};

idx_t Snapshot::ntotal() const {
    return static_cast<idx_t>(state_->size());
}

size_t Snapshot::parts() const {
    return state_->pieces.size();
}

void Snapshot::search(
        idx_t n, const float* x, idx_t k, float* distances, idx_t* labels,
        const faiss::SearchParameters* params) const {
    check_k(k, "search()");
    const std::vector<Piece>& pieces = state_->pieces;
    pieces.front().part->search(n, x, k, distances, labels, pieces.front().removed, params);
    if (pieces.size() == 1) return;
    const bool l2 = pieces.front().part->metric() == faiss::METRIC_L2;
    const auto results = static_cast<size_t>(n * k);
    std::vector<float> part_distances(results);
    std::vector<idx_t> part_labels(results);
    std::vector<std::pair<float, idx_t>> row;
    for (size_t p = 1; p < pieces.size(); ++p) {
        pieces[p].part->search(
                n, x, k, part_distances.data(), part_labels.data(), pieces[p].removed, params);
        for (idx_t i = 0; i < n; ++i) {
            // Both rows are sorted, and end where a label is -1.
            float* to = distances + i * k;
            idx_t* to_label = labels + i * k;
            const float* from = part_distances.data() + i * k;
            const idx_t* from_label = part_labels.data() + i * k;
            row.clear();
            for (idx_t a = 0, b = 0; a + b < k;) {
                const bool has_a = to_label[a] >= 0, has_b = from_label[b] >= 0;
                if (!has_a && !has_b) break;
                const bool takes_a =
                        has_a && (!has_b || (l2 ? to[a] <= from[b] : to[a] >= from[b]));
                row.emplace_back(takes_a ? to[a] : from[b], takes_a ? to_label[a] : from_label[b]);
                ++(takes_a ? a : b);
            }
            for (size_t r = 0; r < row.size(); ++r) std::tie(to[r], to_label[r]) = row[r];
        }
    }
}

std::unique_ptr<faiss::Index> Snapshot::to_index() const {
    return with_faiss_errors([&] {
        const std::vector<Piece>& pieces = state_->pieces;
        if (pieces.size() == 1 && pieces.front().removed.empty())
            return pieces.front().part->to_index();
        return merged(pieces)->to_index();
    });
}

void Snapshot::save(const std::string& path) const {
    write_index(to_index().get(), path);
}

struct ConcurrentIndex::Shared {
    using StatePointer = std::shared_ptr<const Snapshot::State>;

    std::mutex changes;                ///< held by whoever makes the next state
    mutable std::shared_mutex pointer; ///< held to read or to set `state`, no longer
    StatePointer state;

    mutable std::mutex waking;
    std::condition_variable wake;
    bool is_changed = false;
    bool is_ending = false;
    std::exception_ptr error;
    std::thread background;

    StatePointer now() const {
        const std::shared_lock lock(pointer);
        return state;
    }
    void publish(StatePointer next) {
        const std::unique_lock lock(pointer);
        state.swap(next);
    }

    /** Merges pieces of a state, which may go on to change, and publishes the result.
     * @return  false if somebody else merged them meanwhile
     */
    bool merge(const Snapshot::State& then, Range range) {
        const auto begin = then.pieces.begin();
        const std::vector<Piece> pieces(
                begin + static_cast<std::ptrdiff_t>(range.first),
                begin + static_cast<std::ptrdiff_t>(range.last));
        Piece whole{merged(pieces), {}, 0};
        const std::lock_guard lock(changes);
        auto next = std::make_shared<Snapshot::State>(*now());
        for (size_t i = 0; i < pieces.size(); ++i)
            if (range.first + i >= next->pieces.size() ||
                next->pieces[range.first + i].part != pieces[i].part)
                return false;
        // What was removed in the meantime.
        std::unordered_set<idx_t> ids;
        for (size_t i = 0; i < pieces.size(); ++i) {
            const Piece& piece = next->pieces[range.first + i];
            if (piece.removed.size() == pieces[i].removed.size()) continue;
            piece.part->for_each_id([&](idx_t id) {
                if (piece.removed.contains(id) && !pieces[i].removed.contains(id)) ids.insert(id);
            });
        }
        remove_from(whole, ids);
        const auto at = next->pieces.begin() + static_cast<std::ptrdiff_t>(range.first);
        *at = std::move(whole);
        next->pieces.erase(at + 1, at + static_cast<std::ptrdiff_t>(range.last - range.first));
        publish(std::move(next));
        return true;
    }

    /// @return  how many vectors
    static size_t remove_from(Piece& piece, const std::unordered_set<idx_t>& ids) {
        if (ids.empty()) return 0;
        std::vector<idx_t> found;
        piece.part->for_each_id([&](idx_t id) {
            if (ids.contains(id) && !piece.removed.contains(id)) found.push_back(id);
        });
        piece.removed.add(found);
        piece.removed_vectors += found.size();
        return found.size();
    }

    void run() {
        std::unique_lock lock(waking);
        for (;;) {
            wake.wait(lock, [&] { return is_changed || is_ending; });
            if (is_ending) return;
            is_changed = false;
            lock.unlock();
            std::exception_ptr caught;
            try {
                for (;;) {
                    const StatePointer then = now();
                    const std::optional<Range> range = then->to_merge();
                    if (!range) break;
                    merge(*then, *range);
                    const std::lock_guard check(waking);
                    if (is_ending) break;
                }
            } catch (...) {
                caught = std::current_exception(); // compaction_error() tells
            }
            lock.lock();
            error = caught;
        }
    }
};

ConcurrentIndex::ConcurrentIndex(std::unique_ptr<faiss::Index> trained)
        : shared_(std::make_unique<Shared>()) {
    auto state = std::make_shared<Snapshot::State>();
    state->pieces.push_back({to_part(std::move(trained)), {}, 0});
    shared_->state = std::move(state);
    shared_->background = std::thread([shared = shared_.get()] { shared->run(); });
}

ConcurrentIndex::~ConcurrentIndex() {
    {
        const std::lock_guard lock(shared_->waking);
        shared_->is_ending = true;
    }
    shared_->wake.notify_one();
    shared_->background.join();
}

void ConcurrentIndex::add(idx_t n, const float* x, const idx_t* ids) {
    change(0, nullptr, n, x, ids);
}

size_t ConcurrentIndex::remove(idx_t n, const idx_t* ids) {
    return change(n, ids, 0, nullptr, nullptr);
}

size_t ConcurrentIndex::update(idx_t n, const float* x, const idx_t* ids) {
    return change(n, ids, n, x, ids);
}

size_t ConcurrentIndex::change(
        idx_t removed, const idx_t* removed_ids, idx_t added, const float* x,
        const idx_t* added_ids) {
    check_count(removed, "remove()");
    check_count(added, "add()");
    size_t count = 0;
    with_faiss_errors([&] {
        for (idx_t i = 0; i < added; ++i)
            FAISS_THROW_IF_NOT_FMT(
                    added_ids[i] >= 0, "BQQ: add() of id %ld, must be at least 0",
                    static_cast<long>(added_ids[i]));
        const std::lock_guard lock(shared_->changes);
        auto next = std::make_shared<Snapshot::State>(*shared_->now());
        const std::unordered_set<idx_t> ids(removed_ids, removed_ids + removed);
        for (Piece& piece : next->pieces) count += Shared::remove_from(piece, ids);
        if (added > 0) {
            std::unique_ptr<IndexPart> part = next->pieces.front().part->empty_copy();
            part->add(added, x, added_ids);
            next->pieces.push_back({std::move(part), {}, 0});
        }
        shared_->publish(std::move(next));
    });
    {
        const std::lock_guard lock(shared_->waking);
        shared_->is_changed = true;
    }
    shared_->wake.notify_one();
    return count;
}

Snapshot ConcurrentIndex::snapshot() const {
    return Snapshot(shared_->now());
}

void ConcurrentIndex::compact() {
    with_faiss_errors([&] {
        for (;;) {
            const Shared::StatePointer then = shared_->now();
            if (then->pieces.size() == 1 && then->pieces.front().removed.empty()) return;
            if (shared_->merge(*then, {0, then->pieces.size()})) return;
        }
    });
}

std::exception_ptr ConcurrentIndex::compaction_error() const {
    const std::lock_guard lock(shared_->waking);
    return shared_->error;
}

} // namespace bqq
