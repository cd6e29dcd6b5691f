#pragma once

#include <faiss/Index.h>
#include <faiss/IndexFlat.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

namespace bqq {

/** Finds the centroids nearest to queries, as the coarse quantizer's own search() does.
 *
 * Where that is a faiss::IndexFlat, they are found here, the distances to most of them bounded and not computed. What
 * that takes is made of the centroids once, and again if they have changed. Searches may run at the same time.
 */
class CoarseSearch {
public:
    CoarseSearch();
    ~CoarseSearch();

    /** The nprobe centroids nearest to each of n queries.
     * @param params     of the coarse quantizer, or nullptr
     * @param distances  output, size n * nprobe
     * @param keys       output, size n * nprobe; -1 where fewer were found
     */
    void search(
            const faiss::Index& quantizer, int64_t n, const float* x, size_t nprobe,
            const faiss::SearchParameters* params, float* distances, int64_t* keys) const;

    /// The centroid nearest to each of n vectors. @param keys  output, size n; -1 where there is none
    void assign(const faiss::Index& quantizer, int64_t n, const float* x, int64_t* keys) const;

private:
    class Centroids;
    mutable std::mutex mutex_;
    mutable std::shared_ptr<const Centroids> centroids_;

    std::shared_ptr<const Centroids> centroids(const faiss::IndexFlat& flat) const;
};

} // namespace bqq
