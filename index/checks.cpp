#include "index/checks.h"

#include "base/check_finite.h"

#include <faiss/impl/FaissAssert.h>

#include <cstdio>
#include <limits>
#include <string>

namespace bqq {

Metric to_metric(faiss::MetricType metric) {
    FAISS_THROW_IF_NOT_FMT(
            metric == faiss::METRIC_L2 || metric == faiss::METRIC_INNER_PRODUCT,
            "BQQ: metric %d, must be METRIC_L2 or METRIC_INNER_PRODUCT", static_cast<int>(metric));
    return metric == faiss::METRIC_L2 ? Metric::l2 : Metric::inner_product;
}

faiss::MetricType to_faiss(Metric metric) {
    return metric == Metric::l2 ? faiss::METRIC_L2 : faiss::METRIC_INNER_PRODUCT;
}

ScanParameters checked_scan_parameters(int query_bits, float margin) {
    FAISS_THROW_IF_NOT_FMT(
            query_bits >= 2 && query_bits <= 12, "BQQ: query_bits = %d, must be 2 to 12",
            query_bits);
    FAISS_THROW_IF_NOT_FMT(
            margin >= 0, "BQQ: margin = %g, must be at least 0", static_cast<double>(margin));
    return {query_bits, margin};
}

namespace {

size_t checked_dimension(idx_t d) {
    FAISS_THROW_IF_NOT_FMT(
            d > 0 && d <= std::numeric_limits<int>::max(),
            "BQQ: dimension d = %ld, must be at least 1", static_cast<long>(d));
    return static_cast<size_t>(d);
}

} // namespace

Quantizer make_codec(
        idx_t d, size_t M, faiss::MetricType metric, std::optional<int> depth,
        std::optional<size_t> bases, std::optional<Atoms> atoms) {
    return with_faiss_errors([&] {
        return Quantizer(checked_dimension(d), M, to_metric(metric), depth, bases, atoms);
    });
}

void check_count(idx_t n, const char* what) {
    FAISS_THROW_IF_NOT_FMT(
            n >= 0, "BQQ: %s got n = %ld, must be at least 0", what, static_cast<long>(n));
}

void check_vectors(const faiss::Index& index, idx_t n, const float* x, const char* what) {
    check_count(n, what);
    FAISS_THROW_IF_NOT_FMT(index.is_trained, "BQQ: %s before train()", what);
    with_faiss_errors(
            [&] { check_finite(x, static_cast<size_t>(n), static_cast<size_t>(index.d), what); });
}

void check_k(idx_t k, const char* what) {
    FAISS_THROW_IF_NOT_FMT(
            k > 0, "BQQ: %s got k = %ld, must be at least 1", what, static_cast<long>(k));
}

TrainingParameters with_progress(const TrainingParameters& training, bool verbose) {
    TrainingParameters parameters = training;
    if (verbose && !parameters.progress.log)
        parameters.progress.log = [](const std::string& message) {
            std::printf("BQQ: %s\n", message.c_str());
        };
    return parameters;
}

} // namespace bqq
