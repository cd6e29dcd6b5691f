#include "index/diagnose_index.h"

#include "codec/water_filling.h"
#include "index/coded_vectors.h"
#include "index/diagnose_vectors.h"
#include "index/exact_search.h"
#include "index/wrapped_index.h"
#include "kernels/sums_in_double.h"

#include <bqq/index/IndexBQQ.h>
#include <bqq/index/IndexIVFBQQ.h>
#include <faiss/IndexHNSW.h>
#include <faiss/IndexIVF.h>
#include <faiss/IndexRefine.h>
#include <faiss/impl/FaissAssert.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <span>

namespace bqq {

namespace {

double recall_of(
        const faiss::Index& index, size_t n, const float* base, const Questions& questions) {
    const size_t k = questions.k, count = questions.size();
    const size_t asked = questions.own.empty() ? k : k + 1;
    std::vector<float> distances(count * asked);
    std::vector<int64_t> labels(count * asked), found(count * k, -1);
    index.search(
            static_cast<int64_t>(count), questions.x.data(), static_cast<int64_t>(asked),
            distances.data(), labels.data());
    for (size_t i = 0; i < count; ++i) {
        size_t kept = 0;
        for (size_t j = i * asked; j < (i + 1) * asked && kept < k; ++j) {
            const int64_t label = labels[j];
            FAISS_THROW_IF_NOT_FMT(
                    label < static_cast<int64_t>(n),
                    "BQQ: diagnose(): the index has the id %ld, which is no row of %zu vectors",
                    static_cast<long>(label), n);
            const bool is_own =
                    !questions.own.empty() && label == static_cast<int64_t>(questions.own[i]);
            if (!is_own) found[i * k + kept++] = label;
        }
    }
    const SearchTruth truth{index.metric_type,
                            static_cast<size_t>(index.d),
                            base,
                            count,
                            questions.x.data(),
                            k,
                            questions.nearest.data()};
    return measure_recall(found.data(), truth).all;
}

/// Mean squared distance of vectors to their mean.
double variance_of(size_t n, const float* x, size_t d) {
    std::vector<double> mean(d);
    for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j < d; ++j) mean[j] += static_cast<double>(x[i * d + j]);
    for (double& value : mean) value /= static_cast<double>(n);
    double sum = 0;
    for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j < d; ++j) {
            const double distance = static_cast<double>(x[i * d + j]) - mean[j];
            sum += distance * distance;
        }
    return sum / static_cast<double>(n);
}

double relative(double error, double variance) {
    return variance > 0 ? error / variance : 0;
}

/// Least error of so many bytes, divided by the variance.
double shannon_share(const VectorsDiagnosis& vectors, double bytes) {
    double variance = 0;
    for (const double value : vectors.spectrum) variance += value;
    return relative(shannon_error(vectors.spectrum, 8 * bytes), variance);
}

double logit(double recall) {
    const double inside = std::clamp(recall, 1e-3, 1 - 1e-3);
    return std::log(inside / (1 - inside));
}

/// What a byte more would make of a recall: as a function of log2 M, its logit is all but a line.
double with_a_byte_more(double recall, double bits, std::span<const CodingDiagnosis> coding) {
    if (coding.size() < 2) return std::numeric_limits<double>::quiet_NaN();
    size_t i = 1; // the two points around the bits, or next to them
    while (i + 1 < coding.size() && static_cast<double>(coding[i].bits) < bits) ++i;
    const CodingDiagnosis &low = coding[i - 1], &high = coding[i];
    const double slope = (logit(high.recall) - logit(low.recall)) /
                         std::log2(static_cast<double>(high.bits) / static_cast<double>(low.bits));
    const double more = logit(recall) + slope * std::log2((bits + 8) / bits);
    return std::max(recall, 1 / (1 + std::exp(-more)));
}

/// Sets a value, if there is one, to what it was when this ends.
template <class T>
class Restored {
public:
    explicit Restored(T* value) : value_(value) {
        if (value_ != nullptr) before_ = *value_;
    }
    Restored(const Restored&) = delete;
    Restored& operator=(const Restored&) = delete;
    ~Restored() {
        if (value_ != nullptr) *value_ = before_;
    }

private:
    T* value_;
    T before_{};
};

/// Frees a search from its limits one after the other, and notes what each has cost.
class Limits {
public:
    Limits(faiss::Index& index, const float* base, const Questions& questions,
           const Progress& progress)
            : index_(index), base_(base), questions_(questions), progress_(progress) {}

    IndexDiagnosis run() {
        result_.recall = recall_ = measure();
        auto* graph = find_index<faiss::IndexHNSW>(&index_);
        auto* lists = find_index<faiss::IndexIVF>(&index_);
        auto* refine = find_index<faiss::IndexRefine>(&index_);
        auto* flat = graph == nullptr ? find_index<IndexBQQ>(&index_) : nullptr;
        auto* ivf = find_index<IndexIVFBQQ>(&index_);
        TwoStages* stages = flat != nullptr  ? static_cast<TwoStages*>(flat)
                            : ivf != nullptr ? static_cast<TwoStages*>(ivf)
                                             : nullptr;
        const Restored margin(stages != nullptr ? &stages->margin : nullptr);
        const Restored bits(stages != nullptr ? &stages->query_bits : nullptr);
        const Restored leave(flat != nullptr ? &flat->leave_early : nullptr);
        const Restored ef(graph != nullptr ? &graph->hnsw.efSearch : nullptr);
        const Restored nprobe(lists != nullptr ? &lists->nprobe : nullptr);
        const Restored k_factor(refine != nullptr ? &refine->k_factor : nullptr);

        if (stages != nullptr) {
            // With these, what differs from scoring all in float is none of 10,000 results.
            constexpr int kMostBits = 12;
            constexpr float kWide = 6;
            const double was = recall_;
            const auto value = static_cast<double>(stages->margin);
            RecallLoss loss{"first pass", 0, "margin", value, value};
            stages->margin = std::max(stages->margin, kWide);
            stages->query_bits = kMostBits;
            if (flat != nullptr) flat->leave_early = false;
            recall_ = measure();
            loss.recall = recall_ - was;
            constexpr double kEnough = 4;
            if (loss.recall > kLittle) loss.enough = std::max(value, kEnough);
            result_.losses.push_back(loss);
        }
        const auto n = static_cast<double>(index_.ntotal);
        if (lists != nullptr)
            free("lists", "nprobe", static_cast<double>(lists->nprobe),
                 static_cast<double>(lists->nlist),
                 [&](double value) { lists->nprobe = static_cast<size_t>(value); });
        if (graph != nullptr) {
            constexpr double kMost = 4096;
            const double value = graph->hnsw.efSearch;
            free("graph", "efSearch", value, std::max(value, std::min(n, kMost)),
                 [&](double more) { graph->hnsw.efSearch = static_cast<int>(more); });
        }
        of_codes_ = recall_;
        if (refine != nullptr) {
            constexpr double kMost = 1024;
            const auto value = static_cast<double>(refine->k_factor);
            const double all = std::floor(n / static_cast<double>(questions_.k + 1));
            free("candidates", "k_factor", value, std::max(value, std::min(all, kMost)),
                 [&](double more) { refine->k_factor = static_cast<float>(more); });
        }
        result_.losses.push_back(
                {refine == nullptr ? "codes" : "refinement", 1 - recall_, "", 0, 0});
        return std::move(result_);
    }

    /// Recall without refinement, were nothing else lost.
    double of_codes() const { return of_codes_; }

private:
    static constexpr double kLittle = 0.01; ///< of the recall, not worth a knob

    faiss::Index& index_;
    const float* base_;
    const Questions& questions_;
    const Progress& progress_;
    IndexDiagnosis result_;
    double recall_ = 0; ///< with what is free by now
    double of_codes_ = 0;

    double measure() const {
        progress_.report("searches of the index", result_.losses.size(), 4);
        return recall_of(index_, static_cast<size_t>(index_.ntotal), base_, questions_);
    }

    /// Raises a parameter from `value` to `most`, and leaves it there.
    void free(
            const char* part, const char* knob, double value, double most,
            const std::function<void(double)>& set) {
        RecallLoss loss{part, 0, knob, value, value};
        const double was = recall_;
        set(most);
        recall_ = measure();
        loss.recall = recall_ - was;
        double recall = was;
        while (recall < recall_ - kLittle && loss.enough < most) {
            loss.enough = std::min(most, 2 * std::max(loss.enough, 1.0));
            set(loss.enough);
            recall = measure();
        }
        set(most);
        result_.losses.push_back(loss);
    }
};

} // namespace

Questions ask(
        faiss::MetricType metric, size_t n, const float* base, size_t d, size_t nq,
        const float* queries, size_t most, const DiagnoseParameters& parameters) {
    Questions questions;
    const size_t k = questions.k = parameters.k;
    if (nq > 0) {
        const size_t count = std::min(nq, most);
        questions.x.assign(queries, queries + count * d);
        questions.nearest =
                exact_search(n, base, d, metric, count, queries, k, parameters.progress).rows;
        return questions;
    }
    const VectorSample sample(base, n, d, most, parameters.seed + 1);
    questions.x.assign(sample.data(), sample.data() + sample.size() * d);
    questions.own = sample.rows();
    const std::vector<int64_t> all =
            exact_search(
                    n, base, d, metric, sample.size(), sample.data(), k + 1, parameters.progress)
                    .rows;
    for (size_t i = 0; i < sample.size(); ++i) {
        const auto own = static_cast<int64_t>(questions.own[i]);
        size_t kept = 0;
        for (size_t j = i * (k + 1); kept < k; ++j)
            if (all[j] != own) {
                questions.nearest.push_back(all[j]);
                ++kept;
            }
    }
    return questions;
}

std::vector<CodingDiagnosis> diagnose_coding(
        faiss::MetricType metric, size_t n, const float* base, size_t d, size_t nq,
        const float* queries, const VectorsDiagnosis& vectors,
        const DiagnoseParameters& parameters) {
    constexpr size_t kMostVectors = 11000, kPoints = 5, kMostQueries = 500, kMostBits = 2048;
    // Free atoms take time by the square of their number.
    constexpr size_t kMostWork = 1'000'000'000;
    const VectorSample sample(base, n, d, kMostVectors, parameters.seed);
    const size_t coded = sample.size() / 11 * 10; // the others tell the error
    const size_t held_out = sample.size() - coded;
    const float* others = sample.data() + coded * d;
    const double variance = variance_of(held_out, others, d);
    const Questions questions =
            ask(metric, coded, sample.data(), d, nq, queries, kMostQueries, parameters);
    std::vector<CodingDiagnosis> points;
    size_t M = std::max<size_t>(8, std::bit_ceil((d + 7) / 8));
    const size_t most = std::min({4 * d, kMostBits, coded / 2});
    for (size_t i = 0; i < kPoints && M <= most; ++i, M *= 2) {
        parameters.progress.report("codes of " + std::to_string(M) + " bits", i, kPoints);
        const Atoms atoms = coded * M * M <= kMostWork ? Atoms::free : Atoms::tied;
        IndexBQQ index(static_cast<idx_t>(d), M, metric, {}, 1, atoms);
        index.training.seed = parameters.seed;
        index.train(static_cast<idx_t>(coded), sample.data());
        index.add(static_cast<idx_t>(coded), sample.data());
        const auto bytes = static_cast<double>(index.codec().code_size());
        const double error = index.codec().coding_error({others, held_out * d}).of_vectors;
        points.push_back(
                {M, bytes, relative(error, variance), shannon_share(vectors, bytes),
                 recall_of(index, coded, sample.data(), questions)});
    }
    return points;
}

IndexDiagnosis diagnose_index(
        faiss::Index& index, const float* base, const Questions& questions,
        const VectorsDiagnosis& vectors, const std::vector<CodingDiagnosis>& coding,
        const DiagnoseParameters& parameters) {
    Limits limits(index, base, questions, parameters.progress);
    IndexDiagnosis result = limits.run();
    constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();
    result.bits = result.bytes = result.error = result.shannon = kNothing;
    result.recall_of_a_byte_more = kNothing;
    constexpr size_t kMostVectors = 10000;
    const VectorSample sample(base, vectors.n, vectors.d, kMostVectors, parameters.seed);
    const auto coded =
            find_coded_vectors(index, static_cast<int64_t>(sample.size()), sample.data());
    if (!coded) return result;
    result.bits = static_cast<double>(coded->bits());
    result.bytes = coded->bytes();
    const double variance =
            variance_of(sample.size(), coded->x, static_cast<size_t>(coded->index->d));
    result.error = relative(coded->error().of_vectors, variance);
    result.shannon = shannon_share(vectors, result.bytes);
    result.recall_of_a_byte_more = with_a_byte_more(limits.of_codes(), result.bits, coding);
    return result;
}

} // namespace bqq
