#pragma once

#include <bqq/export.h>
#include <bqq/index/IndexBQQ.h>
#include <faiss/IndexHNSW.h>

namespace bqq {

/** A graph over BQQ codes: searched by its codes, built by the vectors that are added.
 *
 * The links of a vector are found by float distances, to the others that are added with it and to
 * decoded vectors of those before. This is faster than by codes, at the same recall
 * (docs/measurements.md). While add() runs it holds up to 2 * ntotal * d floats. Vectors that are
 * few beside those of the index are linked by the distances of their codes, without such memory.
 *
 * The order in which threads link vectors is left to chance, so each build gives another graph
 * unless `reproducible` is set.
 */
class BQQ_API IndexHNSWBQQ : public faiss::IndexHNSW {
public:
    /// add() links vectors with one thread: the same vectors give the same graph.
    bool reproducible = false;

    IndexHNSWBQQ() = default;
    /// @param codes  stays the caller's unless own_fields is set
    /// @param M      links of a vector on each level, twice as many on the lowest
    IndexHNSWBQQ(IndexBQQ* codes, int M);

    /// An index that it throws for stays as it was.
    /// @param x  size n * d
    void add(idx_t n, const float* x) override;

    /** With a selector that allows a part p of the vectors, efSearch / p neighbours are looked for,
     * and all codes scanned where that is quicker or fewer than k of these are allowed.
     * @param params  nullptr, faiss::SearchParameters or SearchParametersHNSW
     */
    void search(
            idx_t n, const float* x, idx_t k, float* distances, idx_t* labels,
            const faiss::SearchParameters* params = nullptr) const override;
};

} // namespace bqq
