#pragma once

#include <faiss/Index.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace bqq {

/** What faiss::Clustering assigns vectors to centroids with, once in each of its rounds, for many
 * centroids: a vector is compared with some that are likely to be near only.
 *
 * These are in most rounds those that lie around the one that the vector had in the round before,
 * which rarely loses it to one that is far away (Broder et al., Scalable K-Means by Ranked
 * Retrieval, 2014). In the first round and each kRounds after it they are those around the mean of
 * the vector's group, where there are about as many groups as centroids in each.
 *
 * Mean squared distances after ten rounds, beside those of comparing with all in each: 100,000
 * sentences, 1,024 and 2,048 centroids 1.0004 and 1.0018, Fashion-MNIST, 1,024 centroids 0.999. With
 * 8 groups 1.002 and 1.004 on sentences, with 128 around and 16 groups 1.0007 and 1.0000.
 *
 * A search remembers what the last one found, and is none for several threads at the same time.
 */
class ClusteringIndex : public faiss::Index {
public:
    static constexpr size_t kRounds = 4;
    /// Centroids around one of them.
    static constexpr size_t kAround = 64;
    /// Fewer centroids than these are no work.
    static constexpr size_t kLeast = 4 * kAround;
    /// Groups whose centroids a vector is compared with, as many as their numbers make.
    static constexpr size_t kGroups = 16;

    using faiss::Index::Index;

    /// The centroids.
    void add(idx_t n, const float* x) override;
    void reset() override;
    /** @param n  vectors, the same in each round
     * @param k  must be 1
     */
    void search(
            idx_t n, const float* x, idx_t k, float* distances, idx_t* labels,
            const faiss::SearchParameters* params = nullptr) const override;

private:
    std::vector<float> centroids_;
    mutable size_t round_ = 0;
    mutable std::vector<uint32_t> last_; ///< each vector's centroid in the last round

    /** The nearest of the centroids that are near the place of each vector.
     * @param places    vectors, size * d
     * @param count     of centroids near each of them, at most all
     * @param place_of  place of each of the n vectors
     */
    void assign_near(
            std::span<const float> places, size_t count, std::span<const uint32_t> place_of,
            const float* x, float* distances) const;
    /// The `count` centroids nearest to each of places, size * count.
    std::vector<uint32_t> centroids_near(std::span<const float> places, size_t count) const;
};

} // namespace bqq
