#include <bqq/index/diagnose.h>

#include "base/check_finite.h"
#include "index/checks.h"
#include "index/diagnose_index.h"
#include "index/diagnose_vectors.h"

#include <faiss/impl/FaissAssert.h>

#include <algorithm>
#include <cmath>
#include <cstdarg>
#include <cstdio>

namespace bqq {

namespace {

constexpr idx_t kLeastVectors = 1000;
constexpr size_t kMostNeighbours = 100, kMostQueries = 1000;

__attribute__((format(printf, 1, 2))) std::string format(const char* pattern, ...) {
    va_list arguments, again;
    va_start(arguments, pattern);
    va_copy(again, arguments);
    std::string text(static_cast<size_t>(std::vsnprintf(nullptr, 0, pattern, again)), '\0');
    va_end(again);
    std::vsnprintf(text.data(), text.size() + 1, pattern, arguments);
    va_end(arguments);
    return text;
}

void find_in_vectors(
        const VectorsDiagnosis& vectors, faiss::MetricType metric, std::vector<Finding>& findings) {
    const auto add = [&](std::string what, std::string knob) {
        findings.push_back({std::move(what), std::move(knob)});
    };
    const double percent = 100;
    if (vectors.duplicates > 0.001)
        add(format("%.3g %% of the vectors equal one before them.", percent * vectors.duplicates),
            "Index each once and keep the other ids beside it: it saves their bytes. Equal vectors "
            "are found in the order of their ids, and count as found for each other.");
    if (vectors.zeros > 0)
        add(format("%.3g %% of the vectors are zero.", percent * vectors.zeros),
            metric == faiss::METRIC_INNER_PRODUCT
                    ? "They have no direction, and inner product 0 with every query: leave them "
                      "out."
                    : "Look where they come from: failed embeddings are common.");
    if (vectors.outliers > 0)
        add(format("%.3g %% of the vectors lie more than three times as far out as the others.",
                   percent * vectors.outliers),
            "Training leaves them out, and their codes have a scale of their own. Look whether "
            "they are meant to be there, and in the units of the others.");
    if (vectors.constant > 0)
        add(format("%zu of %zu components are the same in all vectors.", vectors.constant,
                   vectors.d),
            "They cost the codes nothing.");
    constexpr double kSpread = 2;
    if (metric == faiss::METRIC_INNER_PRODUCT && vectors.median_norm > 0 &&
        vectors.longest > kSpread * vectors.median_norm)
        add(format("The longest vector is %.3g times as long as the middle one.",
                   vectors.longest / vectors.median_norm),
            "By inner product the long ones are found by most queries. Where directions are meant, "
            "take --metric cosine.");
    constexpr double kHubs = 4;
    if (vectors.hubness > kHubs)
        add(format("Some vectors are neighbours of very many (skewness %.3g), %.3g %% of none.",
                   vectors.hubness, percent * vectors.antihubs),
            "A few such hubs crowd out the others. Cosine after subtracting the mean has fewer "
            "than inner product.");
    constexpr double kContrast = 1.4;
    if (vectors.contrast > 0 && vectors.contrast < kContrast)
        add(format("A near neighbour is hardly nearer than any vector: by a factor of %.3g.",
                   vectors.contrast),
            "Such neighbours need many bits: more of them (BQQ1024), or floats behind the codes "
            "(,Refine(SQ8)).");
    if (vectors.clustered > vectors.clustered_gaussian)
        add(format("The vectors lie in clusters: 256 centroids take away %.3g of the variance, of "
                   "Gaussian vectors at most %.3g.",
                   vectors.clustered, vectors.clustered_gaussian),
            "Several bases (BQQ128g) and inverted lists (IVF1024,BQQ128) use it: compare them by "
            "`bqq tune`.");
}

void find_in_queries(const QueriesDiagnosis& queries, std::vector<Finding>& findings) {
    if (queries.equal > 0.01)
        findings.push_back(
                {format("%.3g %% of the queries equal a vector.", 100 * queries.equal),
                 "Recall on them is higher than on queries that are new: measure with others."});
    // Of 10 to 400 Gaussian vectors of the same distribution (20 trials each) it was 0.55 at most.
    constexpr double kOwnKind = 0.6;
    if (queries.own_kind > kOwnKind)
        findings.push_back(
                {format("Queries come from another distribution than the vectors: in a mix of both "
                        "%.3g of the neighbours of each are of its kind, 0.5 if it were the same. "
                        "They lie %.3g times as far from the vectors as these from each other.",
                        queries.own_kind, queries.distance_ratio),
                 "Measure recall with such queries, never with vectors held out. Their neighbours "
                 "lie in more lists (a larger nprobe), and a graph needs a larger efSearch."});
}

void find_in_index(const IndexDiagnosis& index, std::vector<Finding>& findings) {
    constexpr double kLittle = 0.005;
    for (const RecallLoss& loss : index.losses) {
        if (loss.recall < kLittle) continue;
        const char* knob = loss.knob.c_str();
        if (loss.part == "first pass")
            findings.push_back(
                    {format("The first pass, which scores codes in integers, loses %.3f of the "
                            "recall.",
                            loss.recall),
                     format("margin=%.3g instead of %.3g.", loss.enough, loss.value)});
        else if (loss.part == "lists")
            findings.push_back(
                    {format("The lists that a query does not visit lose %.3f of the recall.",
                            loss.recall),
                     format("%s=%g instead of %g, at the cost of as many more codes a query.", knob,
                            loss.enough, loss.value)});
        else if (loss.part == "graph")
            findings.push_back(
                    {format("The walk over the graph loses %.3f of the recall.", loss.recall),
                     format("%s=%g instead of %g.", knob, loss.enough, loss.value)});
        else if (loss.part == "candidates")
            findings.push_back(
                    {format("Codes leave %.3f of the recall beyond the candidates that are "
                            "refined.",
                            loss.recall),
                     format("%s=%g instead of %g, or more bits.", knob, loss.enough, loss.value)});
        else if (loss.part == "refinement")
            findings.push_back(
                    {format("The refinement itself loses %.3f of the recall.", loss.recall),
                     "Finer numbers in it: ,Refine(SQfp16) or ,RFlat."});
        else if (std::isfinite(index.recall_of_a_byte_more))
            findings.push_back(
                    {format("The codes lose %.3f of the recall. Their error is %.3f of the "
                            "variance; of Gaussian vectors like these it would be %.3f at least.",
                            loss.recall, index.error, index.shannon),
                     format("More bits: with BQQ%.0f instead of BQQ%.0f, a byte more, all codes "
                            "would find about %.3f. Or floats behind them: ,Refine(SQ8).",
                            index.bits + 8, index.bits, index.recall_of_a_byte_more)});
        else
            findings.push_back(
                    {format("The codes lose %.3f of the recall.", loss.recall), "Larger codes."});
    }
}

void check(
        int d, faiss::MetricType metric, idx_t n, idx_t nq, const faiss::Index* index,
        const DiagnoseParameters& parameters) {
    FAISS_THROW_IF_NOT_FMT(d > 0, "BQQ: diagnose(): d = %d, must be at least 1", d);
    (void)to_metric(metric);
    FAISS_THROW_IF_NOT_FMT(
            n >= kLeastVectors, "BQQ: diagnose() got %ld vectors, must be at least %ld",
            static_cast<long>(n), static_cast<long>(kLeastVectors));
    check_count(nq, "diagnose() (queries)");
    FAISS_THROW_IF_NOT_FMT(
            parameters.k >= 1 && parameters.k <= kMostNeighbours,
            "BQQ: diagnose(): k = %zu, must be in 1..%zu", parameters.k, kMostNeighbours);
    if (index == nullptr) return;
    FAISS_THROW_IF_NOT_FMT(
            index->d == d, "BQQ: diagnose() of vectors of d = %d and an index of d = %d", d,
            static_cast<int>(index->d));
    FAISS_THROW_IF_NOT_FMT(
            index->ntotal == n,
            "BQQ: diagnose() of %ld vectors and an index of %ld, must be the "
            "same ones",
            static_cast<long>(n), static_cast<long>(index->ntotal));
    FAISS_THROW_IF_NOT_MSG(
            index->metric_type == metric, "BQQ: diagnose() by another metric than the index's");
}

} // namespace

Diagnosis diagnose(
        int d, faiss::MetricType metric, idx_t n, const float* x, idx_t nq, const float* queries,
        faiss::Index* index, const DiagnoseParameters& parameters) {
    check(d, metric, n, nq, index, parameters);
    return with_faiss_errors([&] {
        const auto dimension = static_cast<size_t>(d), count = static_cast<size_t>(n);
        const size_t asked = std::min(static_cast<size_t>(nq), kMostQueries);
        check_finite(x, count, dimension, "diagnose() (vectors)");
        check_finite(queries, asked, dimension, "diagnose() (queries)");
        Diagnosis result;
        result.k = parameters.k;
        result.vectors = diagnose_vectors(metric, count, x, dimension, parameters);
        find_in_vectors(result.vectors, metric, result.findings);
        if (asked > 0) {
            result.queries = diagnose_queries(count, x, dimension, asked, queries, parameters);
            find_in_queries(*result.queries, result.findings);
        }
        result.coding = diagnose_coding(
                metric, count, x, dimension, asked, queries, result.vectors, parameters);
        if (index != nullptr) {
            const Questions questions =
                    ask(metric, count, x, dimension, asked, queries, kMostQueries, parameters);
            result.index =
                    diagnose_index(*index, x, questions, result.vectors, result.coding, parameters);
            find_in_index(*result.index, result.findings);
        }
        return result;
    });
}

} // namespace bqq
