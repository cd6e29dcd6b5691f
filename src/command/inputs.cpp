#include "command/inputs.h"

#include "index/wrapped_index.h"
#include "io/atomic_file.h"

#include <algorithm>
#include <cmath>
#include <iostream>
#include <limits>
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

constexpr size_t kPieceBytes = size_t{1} << 26;
constexpr size_t kMostPieceRows = 1 << 13;

} // namespace

std::vector<size_t> sample_of(size_t n, size_t count, uint64_t seed) {
    // Selection sampling (Knuth, volume 2, algorithm 3.4.2 S): the standard library's sampling
    // differs between implementations.
    std::mt19937_64 random(seed);
    std::vector<size_t> chosen;
    chosen.reserve(count);
    for (size_t i = 0; chosen.size() < count; ++i)
        if (random() % (n - i) < count - chosen.size()) chosen.push_back(i);
    return chosen;
}

void FormatOptions::add_to(CLI::App& app) {
    app.add_option("--format", hints.format, "Format of files whose suffix names none");
    app.add_option(
            "--dtype", hints.dtype, "Numbers of raw files [float32]; what uint16 in .npy is");
    app.add_option("--dim", hints.dim, "Raw files: numbers of a row");
    app.add_option("--id-column", hints.id_column, "CSV: name or number of the column of ids [id]");
}

FileHints FormatOptions::with_member(const std::string& member) const {
    FileHints result = hints;
    result.member = member;
    return result;
}

InputVectors::InputVectors(
        const std::string& name, const MetricChoice& metric, const FileHints& hints, size_t limit)
        : file_(name, hints), normalize_(metric.normalize), n_(std::min(file_.n(), limit)) {
    if (file_.stored() != "float32" && file_.stored() != "text")
        std::cerr << "bqq: " << name << ": " << file_.stored() << " is read as rows of float32\n";
}

size_t InputVectors::piece_rows() const {
    return std::clamp<size_t>(kPieceBytes / (d() * sizeof(float)), 1, kMostPieceRows);
}

Matrix<float> InputVectors::read(size_t begin, size_t count) {
    Matrix<float> vectors{count, d(), std::vector<float>(count * d())};
    for (size_t done = 0; done < count; done += piece_rows())
        file_.read(begin + done, std::min(piece_rows(), count - done), vectors.row(done));
    check_finite(vectors, name(), begin, file_.stored() == "float32" ? "" : " as float32");
    if (normalize_) normalize_rows(vectors);
    return vectors;
}

Matrix<float> InputVectors::sample(size_t count, uint64_t seed) {
    if (count == n_) return read_all();
    Matrix<float> sample{count, d(), {}};
    sample.values.reserve(count * d());
    const std::vector<size_t> chosen = sample_of(n_, count, seed);
    for (auto next = chosen.begin(); next != chosen.end();) {
        const size_t begin = *next;
        const auto end = std::lower_bound(next, chosen.end(), begin + piece_rows());
        const Matrix<float> piece = read(begin, *(end - 1) + 1 - begin);
        for (; next != end; ++next)
            sample.values.insert(
                    sample.values.end(), piece.row(*next - begin), piece.row(*next - begin) + d());
    }
    return sample;
}

std::vector<int64_t> InputVectors::ids(
        const std::optional<std::string>& ids_name, const FileHints& hints) {
    std::vector<int64_t> ids;
    if (ids_name) {
        ids = read_ids(*ids_name, hints);
        if (ids.size() != file_.n())
            throw std::runtime_error(
                    *ids_name + " has " + std::to_string(ids.size()) + " ids, but " + name() +
                    " has " + std::to_string(file_.n()) + " vectors");
        ids.resize(n_);
    } else if (file_.has_ids()) {
        ids.resize(n_);
        file_.read_ids(0, n_, ids.data());
        check_ids(ids, name());
    }
    return ids;
}

std::vector<int64_t> read_ids(const std::string& name, const FileHints& hints) {
    VectorFile file(name, hints);
    if (file.n() != 1 && file.d() != 1)
        throw std::runtime_error(
                name + " has " + std::to_string(file.n()) + " rows of " + std::to_string(file.d()) +
                " numbers, ids have to be one row or one column");
    std::vector<int64_t> ids = file.matrix<int64_t>().values;
    check_ids(ids, name);
    return ids;
}

std::optional<int64_t> find_duplicate(std::vector<int64_t> ids) {
    std::sort(ids.begin(), ids.end());
    const auto twice = std::adjacent_find(ids.begin(), ids.end());
    return twice == ids.end() ? std::nullopt : std::optional(*twice);
}

void check_ids(const std::vector<int64_t>& ids, const std::string& name) {
    constexpr int64_t kEnd = std::numeric_limits<int64_t>::max(); // the largest has one after it
    for (size_t i = 0; i < ids.size(); ++i)
        if (ids[i] < 0 || ids[i] == kEnd)
            throw std::runtime_error(
                    name + ": the id of row " + std::to_string(i) + " is " +
                    std::to_string(ids[i]) + ", it has to be 0 to 2^63 - 2");
    if (const auto twice = find_duplicate(ids))
        throw std::runtime_error(name + ": the id " + std::to_string(*twice) + " is there twice");
}

Matrix<float> read_inputs(
        const std::string& path, const MetricChoice& metric, size_t limit, const FileHints& hints) {
    return InputVectors(path, metric, hints, limit).read_all();
}

void BaseOptions::add_to(CLI::App& app) {
    app.add_option("--base", path, std::string("Vectors: ") + kVectorFormats)->required();
    app.add_option("--base-count", count, "Only the first so many vectors [all]");
    formats.add_to(app);
}

InputVectors BaseOptions::open(const MetricChoice& metric) const {
    if (count) check_positive("--base-count", *count);
    return {path, metric, formats.with_member("train"),
            count ? static_cast<size_t>(*count) : all_rows};
}

void check_output(const std::string& out, const std::vector<std::string>& inputs) {
    check_writable(out);
    const auto same = std::find_if(inputs.begin(), inputs.end(), [&](const std::string& input) {
        return is_same_file(out, path_of(input));
    });
    if (same != inputs.end())
        throw UsageError("cannot write " + out + ": it is the input " + *same);
}

void check_metric(
        const std::optional<std::string>& metric, const std::string& path,
        const faiss::Index& index) {
    if (!metric || *metric == metric_name(index)) return;
    throw std::runtime_error(
            "--metric is " + *metric + ", but " + path + " was built for " + metric_name(index));
}

std::string output_path(const std::string& value) {
    return value == "-" ? "/dev/stdout" : value;
}

void check_same_dimension(
        const std::string& path, size_t d, const std::string& reference, size_t reference_d) {
    if (d == reference_d) return;
    throw std::runtime_error(
            path + " has d = " + std::to_string(d) + ", but " + reference +
            " has d = " + std::to_string(reference_d));
}

std::vector<int64_t> read_nearest(
        const std::string& path, size_t queries, size_t k, size_t base_vectors,
        const FileHints& hints) {
    const Matrix<int64_t> labels = VectorFile(path, hints).matrix<int64_t>();
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
    for (const size_t i : sample_of(vectors.n, count, seed))
        sample.values.insert(sample.values.end(), vectors.row(i), vectors.row(i) + vectors.d);
    return sample;
}

} // namespace bqq::command
