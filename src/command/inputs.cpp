#include "command/inputs.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <stdexcept>
#include <utility>

namespace bqq::command {

namespace {

void normalize_rows(Matrix<float>& vectors) {
    for (size_t i = 0; i < vectors.n; ++i) {
        float* row = vectors.row(i);
        double norm = 0;
        for (size_t j = 0; j < vectors.d; ++j) norm += static_cast<double>(row[j]) * row[j];
        if (norm == 0) continue;
        norm = std::sqrt(norm);
        for (size_t j = 0; j < vectors.d; ++j) row[j] = static_cast<float>(row[j] / norm);
    }
}

} // namespace

Matrix<float> read_inputs(const std::string& path, const MetricChoice& metric, size_t limit) {
    Matrix<float> vectors = read_vectors(path, limit);
    check_finite(vectors, path);
    if (metric.normalize) normalize_rows(vectors);
    return vectors;
}

void BaseOptions::add_to(CLI::App& app) {
    app.add_option("--base", path, "Vectors: .fvecs, .bvecs or .npy")->required();
    app.add_option("--base-count", count, "Only the first so many vectors [all]");
}

Matrix<float> BaseOptions::read(const MetricChoice& metric) const {
    if (!count) return read_inputs(path, metric);
    check_positive("--base-count", *count);
    return read_inputs(path, metric, static_cast<size_t>(*count));
}

void check_same_dimension(
        const std::string& path, size_t d, const std::string& reference, size_t reference_d) {
    if (d == reference_d) return;
    throw std::runtime_error(
            path + " has d = " + std::to_string(d) + ", but " + reference +
            " has d = " + std::to_string(reference_d));
}

std::vector<int64_t> read_nearest(
        const std::string& path, size_t queries, size_t k, size_t base_vectors) {
    const Matrix<int64_t> labels = read_labels(path);
    if (labels.n != queries) {
        throw std::runtime_error(
                path + " has " + std::to_string(labels.n) + " rows, but there are " +
                std::to_string(queries) + " queries");
    }
    if (labels.d < k) {
        throw std::runtime_error(
                path + " has " + std::to_string(labels.d) +
                " neighbours a query, fewer than k = " + std::to_string(k));
    }
    std::vector<int64_t> nearest;
    nearest.reserve(queries * k);
    for (size_t i = 0; i < queries; ++i) {
        for (size_t j = 0; j < k; ++j) {
            const int64_t label = labels.row(i)[j];
            if (label < 0 || std::cmp_greater_equal(label, base_vectors)) {
                throw std::runtime_error(
                        path + ": row " + std::to_string(i) + ", column " + std::to_string(j) +
                        " is label " + std::to_string(label) + ", but the base has " +
                        std::to_string(base_vectors) + " vectors");
            }
            nearest.push_back(label);
        }
    }
    return nearest;
}

Matrix<float> sample_rows(const Matrix<float>& vectors, size_t count, uint64_t seed) {
    Matrix<float> sample{count, vectors.d, {}};
    sample.values.reserve(count * vectors.d);
    // Selection sampling (Knuth, volume 2, algorithm 3.4.2 S): the standard library's sampling
    // differs between implementations.
    std::mt19937_64 random(seed);
    size_t missing = count;
    for (size_t i = 0; missing > 0; ++i) {
        if (random() % (vectors.n - i) >= missing) continue;
        sample.values.insert(sample.values.end(), vectors.row(i), vectors.row(i) + vectors.d);
        --missing;
    }
    return sample;
}

} // namespace bqq::command
