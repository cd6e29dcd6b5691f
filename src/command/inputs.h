#pragma once

#include "command/arguments.h"
#include "io/matrix.h"
#include "io/vector_file.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bqq::command {

/** Vectors of a file, read in pieces and checked: std::runtime_error names the first value that is
 * NaN or infinite. What reading converts is said on standard error.
 */
class InputVectors {
public:
    /// @param metric  says whether vectors are scaled to norm one (a zero vector stays zero)
    /// @param limit   at most so many, the first ones
    InputVectors(const std::string& path, const MetricChoice& metric, size_t limit = all_rows);

    size_t n() const { return n_; }
    size_t d() const { return file_.d(); }
    Matrix<float> read(size_t begin, size_t count);
    Matrix<float> read_all() { return read(0, n_); }
    /// `count` different rows in their order, chosen by the seed alone.
    Matrix<float> sample(size_t count, uint64_t seed);

private:
    VectorFile file_;
    size_t n_;
    bool normalize_;
};

/// All of InputVectors.
Matrix<float> read_inputs(
        const std::string& path, const MetricChoice& metric, size_t limit = all_rows);

/// The options --base and --base-count: the vectors of an index.
struct BaseOptions {
    std::string path;
    std::optional<int64_t> count; ///< the first ones, all when absent

    void add_to(CLI::App& app);
    /// @throws std::runtime_error  when `count` is below 1, and as InputVectors does
    InputVectors open(const MetricChoice& metric) const;
};

/// @throws UsageError  when `out` is the file `input`
void check_not_input(const std::string& out, const std::string& input);

/// @throws std::runtime_error  when the dimensions differ: the message names both files and values
void check_same_dimension(
        const std::string& path, size_t d, const std::string& reference, size_t reference_d);

/** The first k columns of a file of true neighbours.
 * @throws std::runtime_error  when it has not a row for each query, fewer columns, or a label that
 * is none of the base's
 */
std::vector<int64_t> read_nearest(
        const std::string& path, size_t queries, size_t k, size_t base_vectors);

/// Places of `count` of n rows in their order, chosen by the seed alone.
std::vector<size_t> sample_rows(size_t n, size_t count, uint64_t seed);

} // namespace bqq::command
