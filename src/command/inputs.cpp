#include "command/inputs.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <random>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace bqq::command {

namespace {

constexpr size_t kRowsTogether = 4096;

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

InputVectors::InputVectors(const std::string& path, const MetricChoice& metric, size_t limit)
        : file_(path), n_(std::min(file_.n(), limit)), normalize_(metric.normalize) {
    const std::string conversion = file_.conversion();
    if (!conversion.empty()) std::cerr << "bqq: " << path << ": " << conversion << '\n';
}

Matrix<float> InputVectors::read(size_t begin, size_t count) {
    Matrix<float> part{count, d(), std::vector<float>(count * d())};
    file_.read(begin, count, part.values.data());
    check_finite(part, file_.path(), begin);
    if (normalize_) normalize_rows(part);
    return part;
}

Matrix<float> InputVectors::sample(size_t count, uint64_t seed) {
    Matrix<float> sample{count, d(), {}};
    sample.values.reserve(count * d());
    const std::vector<size_t> rows = sample_rows(n_, count, seed);
    for (size_t i = 0; i < count;) {
        size_t end = i + 1; // rows that follow each other are read together
        while (end < count && rows[end] == rows[i] + (end - i) && end - i < kRowsTogether) ++end;
        const Matrix<float> part = read(rows[i], end - i);
        sample.values.insert(sample.values.end(), part.values.begin(), part.values.end());
        i = end;
    }
    return sample;
}

Matrix<float> read_inputs(const std::string& path, const MetricChoice& metric, size_t limit) {
    return InputVectors(path, metric, limit).read_all();
}

void BaseOptions::add_to(CLI::App& app) {
    app.add_option("--base", path, "Vectors: .npy, .fvecs, .fbin and the like")->required();
    app.add_option("--base-count", count, "Only the first so many vectors [all]");
}

InputVectors BaseOptions::open(const MetricChoice& metric) const {
    if (!count) return {path, metric};
    check_positive("--base-count", *count);
    return {path, metric, static_cast<size_t>(*count)};
}

void check_not_input(const std::string& out, const std::string& input) {
    std::error_code missing;
    if (std::filesystem::equivalent(out, input, missing))
        throw UsageError("--out is " + out + ", which is the same file as " + input);
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

std::vector<size_t> sample_rows(size_t n, size_t count, uint64_t seed) {
    std::vector<size_t> rows;
    // Selection sampling (Knuth, volume 2, algorithm 3.4.2 S): the standard library's sampling
    // differs between implementations.
    std::mt19937_64 random(seed);
    for (size_t i = 0; rows.size() < count; ++i)
        if (random() % (n - i) < count - rows.size()) rows.push_back(i);
    return rows;
}

} // namespace bqq::command
