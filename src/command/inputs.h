#pragma once

#include "command/arguments.h"
#include "io/matrix.h"
#include "io/vector_file.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bqq::command {

/** Vectors of a file, scaled to norm one when the metric asks for it (a zero vector stays zero).
 * @param limit  at most so many, the first ones
 * @throws std::runtime_error  as read_vectors does, and for a value that is NaN or infinite
 */
Matrix<float> read_inputs(
        const std::string& path, const MetricChoice& metric, size_t limit = all_rows);

/// The options --base and --base-count: the vectors of an index.
struct BaseOptions {
    std::string path;
    std::optional<int64_t> count; ///< the first ones, all when absent

    void add_to(CLI::App& app);
    /// @throws std::runtime_error  when `count` is below 1, and as read_inputs does
    Matrix<float> read(const MetricChoice& metric) const;
};

/// @throws std::runtime_error  when the dimensions differ: the message names both files and values
void check_same_dimension(
        const std::string& path, size_t d, const std::string& reference, size_t reference_d);

/** The first k columns of a file of true neighbours.
 * @throws std::runtime_error  when it has not a row for each query, fewer columns, or a label that
 * is none of the base's
 */
std::vector<int64_t> read_nearest(
        const std::string& path, size_t queries, size_t k, size_t base_vectors);

/// `count` different rows in their order, chosen by the seed alone.
Matrix<float> sample_rows(const Matrix<float>& vectors, size_t count, uint64_t seed);

} // namespace bqq::command
