#pragma once

#include <bqq/export.h>
#include <bqq/progress.h>
#include <faiss/Index.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace bqq {

/** What an index has to be. Of what is left open, recall counts first, then bytes, then time:
 *
 *     max_bytes                 the highest recall in so many bytes
 *     min_recall                the fewest bytes
 *     max_ms                    the fewest bytes for a recall of 0.95, else the highest recall
 *     min_recall and max_bytes  the fastest
 *     min_recall and max_ms     the fewest bytes
 *     max_bytes and max_ms      the highest recall
 *
 * Among indexes that are all but equal (recall within 0.005, bytes within 3 %) the fastest.
 */
struct Wish {
    /// Of the index file, for each vector.
    std::optional<double> max_bytes = {};
    /// Share of the true k nearest among the k returned, ties counted as found.
    std::optional<double> min_recall = {};
    /// Of a query, with one thread.
    std::optional<double> max_ms = {};
};

/// An index and what was measured of it.
struct BQQ_API TunedIndex {
    std::string factory;
    std::vector<std::pair<std::string, double>> search; ///< for ParameterSpace: nprobe, efSearch
    double bytes = 0;  ///< of the index file, for each of the vectors
    double recall = 0; ///< share of the true k nearest among the k returned
    double ms = 0;     ///< of a query, one thread, best of several runs of all queries

    std::string text() const; ///< "IVF1024,BQQ256 nprobe=16"
};

struct TuneParameters {
    size_t k = 10;
    uint64_t seed = 1234;
    /// After which nothing new is tried. The best is then built and measured once more.
    double seconds = 150;
    /// Least time of each measurement of speed; without it a 500th of `seconds`.
    std::optional<double> measure_seconds = {};
    /// Of more vectors, so many are tried: those nearest to the queries, and others at random. What
    /// they tell of all is estimated, until the best is built of all.
    size_t most_vectors = 200000;
    Progress progress = {};
    std::function<void(const TunedIndex&)> tried = {}; ///< called with each, as it was measured
};

struct Tuned {
    TunedIndex predicted; ///< the best of those tried
    TunedIndex measured;  ///< the same, built of all vectors and measured once more
    bool fulfils;         ///< whether `measured` is what was wished for
    std::vector<TunedIndex> tried;
};

/** Finds the factory string and the search parameters for a wish, by trying: flat indexes, inverted
 * files and graphs, codes of one basis and several, of free and tied atoms, refinement by floats
 * where the bytes allow it.
 *
 * On as many threads as OpenMP has.
 * @param x        vectors, size n * d, at least 1000; the index will hold them, or as many
 * @param queries  size nq * d, some hundreds from where queries will come; they should not be rows
 * of x
 * @throws faiss::FaissException  for a wish for nothing or for what cannot be (recall not in 0..1),
 * k larger than n, no queries, too few vectors, NaN
 */
BQQ_API Tuned
tune(int d, faiss::MetricType metric, int64_t n, const float* x, int64_t nq, const float* queries,
     const Wish& wish, const TuneParameters& parameters = {});

} // namespace bqq
