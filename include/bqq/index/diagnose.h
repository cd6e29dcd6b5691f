#pragma once

#include <bqq/export.h>
#include <bqq/progress.h>
#include <faiss/Index.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bqq {

/// Vectors as such. Shares are in 0..1. Duplicates, zeros and norms are those of all vectors; what
/// needs neighbours is found in a random sample of at most 10,000, the rest in one of some 50,000.
struct VectorsDiagnosis {
    size_t n = 0;
    size_t d = 0;
    double duplicates = 0;           ///< share that equals a vector before it
    double zeros = 0;                ///< share of norm 0
    double shortest = 0;             ///< norm
    double median_norm = 0;          ///< the middle one
    double longest = 0;              ///< norm
    double outliers = 0;             ///< share farther out than three times what 98.5 % keep within
    size_t constant = 0;             ///< components that are the same in all vectors
    double effective_dimensions = 0; ///< (sum of variances)^2 / sum of their squares
    size_t dimensions_of_95 = 0;     ///< principal directions that have 95 % of the variance
    double clustered = 0;            ///< share of the variance that 256 centroids take away
    double clustered_gaussian = 0;   ///< at most, of Gaussian vectors with this spectrum
    double imbalance = 0; ///< of the 256 clusters: 1 for equal sizes, FAISS's imbalance factor
    double contrast = 0; ///< distance of two vectors at random, divided by that to the k-th nearest
    double intrinsic_dimensions = 0; ///< by Levina and Bickel's estimate (2004), of k neighbours
    double hubness = 0;  ///< skewness of how often a vector is among the k nearest of another
    double antihubs = 0; ///< share that is among the k nearest of none
    std::vector<double> spectrum; ///< variances of the principal directions, falling, size d
};

/// Queries beside the vectors, of a sample of both.
struct QueriesDiagnosis {
    size_t n = 0;
    double equal = 0; ///< share that equals a vector
    /// Of the k nearest in a mix of as many queries as vectors: share that is of the same kind. 0.5
    /// for one distribution (Schilling's test, 1986), 1 for two.
    double own_kind = 0;
    /// Median distance to the nearest vector, divided by that of vectors to each other.
    double distance_ratio = 0;
};

/// Codes of so many bits for a sample of at most 10,000 vectors, that are searched for the
/// neighbours of others.
struct CodingDiagnosis {
    size_t bits = 0;    ///< M
    double bytes = 0;   ///< of a code
    double error = 0;   ///< mean squared, divided by the variance
    double shannon = 0; ///< least error of so many bytes, if the vectors were Gaussian
    double recall = 0;  ///< of the k nearest in the sample
};

/// What one part of a search loses.
struct RecallLoss {
    /// "first pass", "lists", "graph", "candidates" (of a refinement), "codes" or "refinement"
    std::string part;
    double recall = 0; ///< that is lost
    std::string knob;  ///< what mends it: "nprobe"; empty for codes and refinement
    double value = 0;  ///< of the knob
    double enough = 0; ///< value of it that loses less than 0.01
};

struct IndexDiagnosis {
    double recall = 0; ///< share of the true k nearest among the k returned
    /// In the order of the search. They and the recall sum to 1.
    std::vector<RecallLoss> losses;
    // Of codes of ours; NaN for others.
    double bits = 0;    ///< M
    double bytes = 0;   ///< of a code with what tells its list
    double error = 0;   ///< mean squared, divided by the variance
    double shannon = 0; ///< least error of so many bytes, if the vectors were Gaussian
    /// Recall of all codes, were they a byte longer, by what the codes of a sample gain.
    double recall_of_a_byte_more = 0;
};

struct Finding {
    std::string what; ///< such as "The codes lose 0.260 of the recall."
    std::string knob; ///< what to do
};

/// One number of a diagnosis.
struct Measure {
    std::string name; ///< as the member
    double value;
    std::string meaning;
};

struct BQQ_API Diagnosis {
    size_t k = 0;
    VectorsDiagnosis vectors;
    std::optional<QueriesDiagnosis> queries; ///< where there are some
    std::vector<CodingDiagnosis> coding;
    std::optional<IndexDiagnosis> index; ///< where there is one
    std::vector<Finding> findings;

    std::vector<Measure> vector_measures() const;
    std::vector<Measure> query_measures() const;
    std::vector<Measure> index_measures() const;
    /// All of it but the spectrum, to be read.
    std::string text() const;
};

struct DiagnoseParameters {
    size_t k = 10;
    uint64_t seed = 1234;
    Progress progress = {};
};

/** Why recall is what it is: what vectors, queries and an index are like, and which knob helps.
 *
 * On as many threads as OpenMP has. While it runs, it changes the search parameters of the index.
 * @param x        vectors, size n * d, n >= 1000
 * @param queries  size nq * d, at most 1,000 of them count; without them rows of x are searched
 *                 for, each for its neighbours but itself
 * @param index    nullptr, or one that holds x: its ids are rows of x
 * @throws faiss::FaissException  for too few vectors, k not in 1..100, NaN, an index of another
 *                                dimension, metric or number of vectors
 */
BQQ_API Diagnosis diagnose(
        int d, faiss::MetricType metric, int64_t n, const float* x, int64_t nq,
        const float* queries, faiss::Index* index = nullptr,
        const DiagnoseParameters& parameters = {});

} // namespace bqq
