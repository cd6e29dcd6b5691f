#include "index/diagnose_vectors.h"

#include "base/linear_algebra.h"
#include "base/parallel_for.h"
#include "codec/clustering.h"
#include "codec/outliers.h"
#include "codec/sampling.h"
#include "codec/water_filling.h"
#include "index/exact_search.h"
#include "kernels/sums_in_double.h"

#include <xxhash.h>
#include <Eigen/Core>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

namespace bqq {

namespace {

using Rows =
        Eigen::Map<const Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>;

constexpr size_t kMostForSpectrum = 50000, kMostForNeighbours = 10000;
constexpr size_t kClusters = 256;

double median(std::vector<double> values) {
    const auto middle = values.begin() + std::ssize(values) / 2;
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

/// Sets duplicates and zeros, and norms.
void diagnose_rows(size_t n, const float* x, size_t d, VectorsDiagnosis& result) {
    const auto share = [&](size_t count) {
        return static_cast<double>(count) / static_cast<double>(n);
    };
    std::vector<uint64_t> digests(n);
    std::vector<double> norms(n);
    parallel_ranges_with(
            n, 1024, [&] { return std::vector<float>(d); },
            [&](std::vector<float>& row, size_t begin, size_t end) {
                for (size_t i = begin; i < end; ++i) {
                    for (size_t j = 0; j < d; ++j) row[j] = x[i * d + j] + 0.0f; // -0 equals 0
                    digests[i] = XXH3_64bits(row.data(), d * sizeof(float));
                    norms[i] = std::sqrt(kernels::inner_product(x + i * d, x + i * d, d));
                }
            });
    std::ranges::sort(digests);
    const auto different = std::unique(digests.begin(), digests.end()) - digests.begin();
    result.duplicates = share(n - static_cast<size_t>(different));
    result.zeros = share(static_cast<size_t>(std::ranges::count(norms, 0.0)));
    result.shortest = *std::ranges::min_element(norms);
    result.longest = *std::ranges::max_element(norms);
    result.median_norm = median(std::move(norms));
}

/// Mean of the rows, in double.
Eigen::VectorXd mean_of(const VectorSample& sample, size_t d) {
    const Rows rows(
            sample.data(), static_cast<Eigen::Index>(sample.size()), static_cast<Eigen::Index>(d));
    return rows.cast<double>().colwise().mean();
}

/// Sets what variances tell, and outliers. @return  the variance
double diagnose_spectrum(const VectorSample& sample, size_t d, VectorsDiagnosis& result) {
    const Eigen::VectorXd mean = mean_of(sample, d);
    const auto size = static_cast<Eigen::Index>(d);
    // In doubles, of which squares of the largest floats are far from the range.
    constexpr size_t kTogether = 1024;
    Eigen::MatrixXd covariance = Eigen::MatrixXd::Zero(size, size);
    Eigen::MatrixXd block;
    std::vector<double> squared;
    for (size_t begin = 0; begin < sample.size(); begin += kTogether) {
        const auto count = static_cast<Eigen::Index>(std::min(kTogether, sample.size() - begin));
        block = Rows(sample.data() + begin * d, count, size).cast<double>().rowwise() -
                mean.transpose();
        for (const double value : block.rowwise().squaredNorm().eval()) squared.push_back(value);
        covariance.selfadjointView<Eigen::Lower>().rankUpdate(block.transpose());
    }
    covariance /= static_cast<double>(sample.size());
    covariance.triangularView<Eigen::StrictlyUpper>() = covariance.transpose();
    result.constant = static_cast<size_t>((covariance.diagonal().array() == 0).count());
    const double limit = outlier_limit(squared);
    const auto outliers =
            std::ranges::count_if(squared, [&](double value) { return value > limit; });
    result.outliers = static_cast<double>(outliers) / static_cast<double>(squared.size());

    const Eigen::VectorXd variances = eigenvalues(covariance).cwiseMax(0);
    result.spectrum.assign(variances.begin(), variances.end());
    const double variance = variances.sum();
    if (variance > 0) {
        result.effective_dimensions = 1 / (variances / variance).squaredNorm();
        constexpr double kMost = 0.95;
        double sum = 0;
        while (sum < kMost * variance && result.dimensions_of_95 < d)
            sum += result.spectrum[result.dimensions_of_95++];
    }
    return variance;
}

/// Sets what is known of clusters, by vectors that these were not learned from.
void diagnose_clusters(
        const VectorSample& sample, size_t d, double variance, uint64_t seed,
        VectorsDiagnosis& result) {
    if (variance == 0) return;
    const size_t held_out = sample.size() / 10, learned = sample.size() - held_out;
    const std::vector<float> means = cluster_means(learned, sample.data(), d, kClusters, 1, seed);
    const size_t clusters = means.size() / d;
    const auto nearest = [&](size_t n, const float* x) {
        return exact_search(clusters, means.data(), d, faiss::METRIC_L2, n, x, 1);
    };
    const std::vector<float> squared = nearest(held_out, sample.data() + learned * d).distances;
    const double left =
            std::accumulate(squared.begin(), squared.end(), 0.0) / static_cast<double>(held_out);
    result.clustered = std::max(0.0, 1 - left / variance);
    const double bits = std::log2(static_cast<double>(clusters));
    result.clustered_gaussian = 1 - shannon_error(result.spectrum, bits) / variance;
    std::vector<double> sizes(clusters);
    for (const int64_t cluster : nearest(learned, sample.data()).rows)
        ++sizes[static_cast<size_t>(cluster)];
    const auto n = static_cast<double>(learned);
    const double squares = std::inner_product(sizes.begin(), sizes.end(), sizes.begin(), 0.0);
    result.imbalance = static_cast<double>(clusters) * squares / (n * n);
}

/// The k nearest others of each row: neighbours of rows, without the row itself.
ExactNeighbours nearest_others(
        const float* x, size_t n, size_t d, faiss::MetricType metric, size_t k) {
    ExactNeighbours all = exact_search(n, x, d, metric, n, x, k + 1);
    ExactNeighbours others{std::vector<float>(n * k), std::vector<int64_t>(n * k)};
    for (size_t i = 0; i < n; ++i) {
        // With equal vectors, or inner products, it may be anywhere or not among them.
        size_t kept = 0;
        for (size_t j = i * (k + 1); kept < k; ++j) {
            if (all.rows[j] == static_cast<int64_t>(i)) continue;
            others.rows[i * k + kept] = all.rows[j];
            others.distances[i * k + kept++] = all.distances[j];
        }
    }
    return others;
}

/// Sets contrast and intrinsic dimensions. @param squared  to k others of each row, the least first
void diagnose_distances(
        std::span<const float> squared, size_t k, double variance, VectorsDiagnosis& result) {
    const size_t n = squared.size() / k;
    double last = 0, logarithms = 0;
    size_t counted = 0;
    for (size_t i = 0; i < n; ++i) {
        const std::span<const float> row = squared.subspan(i * k, k);
        last += static_cast<double>(row.back());
        if (k < 2 || row.front() == 0) continue; // of equal vectors nothing is known
        double sum = 0;
        for (const float distance : row.first(k - 1))
            sum += std::log(static_cast<double>(row.back()) / static_cast<double>(distance)) / 2;
        logarithms += sum / static_cast<double>(k - 1);
        ++counted;
    }
    const double mean = last / static_cast<double>(n);
    result.contrast = mean > 0 ? std::sqrt(2 * variance / mean) : 0;
    result.intrinsic_dimensions = logarithms > 0 ? static_cast<double>(counted) / logarithms : 0;
}

/// Sets hubness and antihubs. @param rows  neighbours of n rows
void diagnose_hubs(std::span<const int64_t> rows, size_t n, VectorsDiagnosis& result) {
    std::vector<double> times(n);
    for (const int64_t row : rows) ++times[static_cast<size_t>(row)];
    const double mean = static_cast<double>(rows.size()) / static_cast<double>(n);
    double squares = 0, cubes = 0;
    for (const double count : times) {
        const double more = count - mean;
        squares += more * more;
        cubes += more * more * more;
    }
    const double deviation = std::sqrt(squares / static_cast<double>(n));
    result.hubness = deviation > 0 ? cubes / static_cast<double>(n) / std::pow(deviation, 3) : 0;
    result.antihubs = static_cast<double>(std::ranges::count(times, 0.0)) / static_cast<double>(n);
}

} // namespace

VectorSample::VectorSample(const float* x, size_t n, size_t d, size_t most, uint64_t seed)
        : rows_(choose_rows(n, most, seed)), values_(rows_.size() * d) {
    for (size_t i = 0; i < rows_.size(); ++i)
        std::copy_n(x + rows_[i] * d, d, values_.data() + i * d);
}

VectorsDiagnosis diagnose_vectors(
        faiss::MetricType metric, size_t n, const float* x, size_t d,
        const DiagnoseParameters& parameters) {
    const Progress& progress = parameters.progress;
    VectorsDiagnosis result;
    result.n = n;
    result.d = d;
    progress.report("rows", 0, 1);
    diagnose_rows(n, x, d, result);
    progress.report("spectrum", 0, 1);
    constexpr size_t kMostNumbers = 50'000'000;
    const size_t most = std::clamp(kMostNumbers / d, 2 * d, std::max(2 * d, kMostForSpectrum));
    const VectorSample large(x, n, d, most, parameters.seed);
    const double variance = diagnose_spectrum(large, d, result);
    const VectorSample small(x, n, d, kMostForNeighbours, parameters.seed);
    progress.report("clusters", 0, 1);
    diagnose_clusters(large, d, variance, parameters.seed, result);
    progress.report("neighbours", 0, 1);
    const size_t k = parameters.k;
    const ExactNeighbours by_l2 =
            nearest_others(small.data(), small.size(), d, faiss::METRIC_L2, k);
    diagnose_distances(by_l2.distances, k, variance, result);
    if (metric == faiss::METRIC_L2) {
        diagnose_hubs(by_l2.rows, small.size(), result);
    } else {
        const ExactNeighbours by_ip = nearest_others(small.data(), small.size(), d, metric, k);
        diagnose_hubs(by_ip.rows, small.size(), result);
    }
    return result;
}

QueriesDiagnosis diagnose_queries(
        size_t n, const float* x, size_t d, size_t nq, const float* queries,
        const DiagnoseParameters& parameters) {
    parameters.progress.report("queries", 0, 1);
    QueriesDiagnosis result;
    result.n = nq;
    const ExactNeighbours nearest = exact_search(n, x, d, faiss::METRIC_L2, nq, queries, 1);
    result.equal = static_cast<double>(std::ranges::count(nearest.distances, 0.0f)) /
                   static_cast<double>(nq);

    // As many vectors as queries, side by side.
    const VectorSample beside(x, n, d, nq, parameters.seed);
    const size_t m = std::min(nq, beside.size()), k = std::min(parameters.k, 2 * m - 1);
    std::vector<float> mix(queries, queries + m * d);
    mix.insert(mix.end(), beside.data(), beside.data() + m * d);
    const ExactNeighbours mixed = nearest_others(mix.data(), 2 * m, d, faiss::METRIC_L2, k);
    size_t own = 0;
    for (size_t i = 0; i < 2 * m; ++i)
        for (size_t j = i * k; j < (i + 1) * k; ++j)
            own += (i < m) == (static_cast<size_t>(mixed.rows[j]) < m);
    result.own_kind = static_cast<double>(own) / static_cast<double>(2 * m * k);

    const auto median_root = [](std::span<const float> squared) {
        return std::sqrt(median({squared.begin(), squared.end()}));
    };
    const VectorSample sample(x, n, d, kMostForNeighbours, parameters.seed);
    const ExactNeighbours of_queries =
            exact_search(sample.size(), sample.data(), d, faiss::METRIC_L2, nq, queries, 1);
    const ExactNeighbours of_vectors =
            nearest_others(sample.data(), sample.size(), d, faiss::METRIC_L2, 1);
    const double between = median_root(of_vectors.distances);
    result.distance_ratio = between > 0 ? median_root(of_queries.distances) / between : 0;
    return result;
}

} // namespace bqq
