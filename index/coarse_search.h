#pragma once

#include "nearest/nearest_rows.h"

#include <faiss/Index.h>
#include <faiss/IndexFlat.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>

namespace bqq {

/** Finds the centroids nearest to queries, as the coarse quantizer's own search() does.
 *
 * Where that is a faiss::IndexFlat, they are found here, of many queries the distances to most of
 * them bounded and not computed. What that takes is made by the first such search. Results do not
 * depend on how queries are grouped. Another quantizer than the one that
 * was given, or one with another number of centroids, is left to itself. Searches may run at the
 * same time.
 */
class CoarseSearch {
public:
    /// @param quantizer  whose centroids stay as they are
    explicit CoarseSearch(const faiss::Index& quantizer);

    /** The nprobe centroids nearest to each of n queries.
     * @param params     of the coarse quantizer, or nullptr
     * @param distances  output, size n * nprobe
     * @param keys       output, size n * nprobe; -1 where fewer were found
     */
    void search(
            const faiss::Index& quantizer, int64_t n, const float* x, size_t nprobe,
            const faiss::SearchParameters* params, float* distances, int64_t* keys) const;

    /// The centroid nearest to each of n vectors. @param keys  output, size n; -1 where there is
    /// none
    void assign(const faiss::Index& quantizer, int64_t n, const float* x, int64_t* keys) const;

    /// Whether it searches the centroids that the quantizer has.
    bool is_of(const faiss::Index& quantizer) const;
    /// Beyond the quantizer itself.
    size_t memory_bytes() const;

private:
    const faiss::Index* quantizer_;
    const faiss::IndexFlat* flat_; ///< the same, or nullptr
    const float* centroids_ = nullptr;
    Metric metric_ = Metric::l2;
    int64_t count_;
    mutable std::once_flag once_;
    mutable std::optional<NearestRows> rows_; ///< made once
    mutable std::atomic<size_t> rows_bytes_ = 0;
};

} // namespace bqq
