#pragma once

#include <bqq/export.h>
#include <faiss/Index.h>

#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <utility>

namespace bqq {

using idx_t = int64_t;

/** The vectors of a ConcurrentIndex at one moment; they stay while it is held, whatever happens to
 * the index. Members may be called at the same time.
 */
class BQQ_API Snapshot {
public:
    /// What ConcurrentIndex makes.
    struct State;
    explicit Snapshot(std::shared_ptr<const State> state) : state_(std::move(state)) {}

    idx_t ntotal() const;
    /// Parts that a search goes through one after the other.
    size_t parts() const;

    /** As faiss::Index::search(): labels are the ids that the vectors were added with.
     * @param params  as the index that it was made of takes them; a selector is asked for ids
     */
    void search(
            idx_t n, const float* x, idx_t k, float* distances, idx_t* labels,
            const faiss::SearchParameters* params = nullptr) const;

    /// One index with these vectors and ids: an IndexIVFBQQ, or an IndexIDMap of an IndexBQQ.
    std::unique_ptr<faiss::Index> to_index() const;
    /// Writes that index. @throws faiss::FaissException  as write_index() does
    void save(const std::string& path) const;

private:
    std::shared_ptr<const State> state_;
};

/** An index that many threads search and change at the same time.
 *
 * A search sees the vectors of one moment: those of an add(), remove() or update() are there all or
 * none. Searches wait neither for each other nor for changes; changes wait for each other. Vectors
 * lie in parts that do not change: add() makes one, remove() keeps account of what was removed.
 * Small parts are merged, and removed vectors left out, by a thread in the background, while
 * searches go on. Memory is that of the vectors, and while parts are merged that of these once
 * more.
 *
 * An id may be given to several vectors, as in FAISS. Errors are faiss::FaissException; the vectors
 * are then as they were.
 */
class BQQ_API ConcurrentIndex {
public:
    /** @param trained  an IndexBQQ, IndexIDMap of an IndexBQQ, or IndexIVFBQQ. Its vectors are the
     * first ones, with their ids; its settings, such as nprobe, are those of all searches.
     * @throws faiss::FaissException  for an index of another class, or one that is not trained
     */
    explicit ConcurrentIndex(std::unique_ptr<faiss::Index> trained);
    ConcurrentIndex(const ConcurrentIndex&) = delete;
    /// Waits for the thread in the background.
    ~ConcurrentIndex();

    /// @param x  size n * d  @param ids  size n
    void add(idx_t n, const float* x, const idx_t* ids);
    /// Removes the vectors of n ids; takes time for all vectors, however few the ids.
    /// @return how many vectors there were
    size_t remove(idx_t n, const idx_t* ids);
    /// Removes the vectors of n ids and adds x in one step. @return how many were removed
    size_t update(idx_t n, const float* x, const idx_t* ids);

    /// Its searches are those of the index; see Snapshot.
    Snapshot snapshot() const;
    void search(
            idx_t n, const float* x, idx_t k, float* distances, idx_t* labels,
            const faiss::SearchParameters* params = nullptr) const {
        snapshot().search(n, x, k, distances, labels, params);
    }
    idx_t ntotal() const { return snapshot().ntotal(); }
    void save(const std::string& path) const { snapshot().save(path); }

    /// Merges all parts into one, without removed vectors, now.
    void compact();
    /// Why the thread in the background could not merge parts the last time, such as
    /// std::bad_alloc; null if it could. It tries again after the next change.
    std::exception_ptr compaction_error() const;

private:
    struct Shared;
    std::unique_ptr<Shared> shared_;

    size_t change(
            idx_t removed, const idx_t* removed_ids, idx_t added, const float* x,
            const idx_t* added_ids);
};

} // namespace bqq
