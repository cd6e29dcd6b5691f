#pragma once

#include "command/arguments.h"
#include "formats/matrix.h"

#include <cstdint>
#include <string>

namespace bqq::command {

/** Vectors of a file, scaled to norm one when the metric asks for it (a zero vector stays zero).
 * @throws std::runtime_error  as read_vectors does, and for a value that is NaN or infinite
 */
Matrix<float> read_inputs(const std::string& path, const MetricChoice& metric);

/// @throws std::runtime_error  when the dimensions differ: the message names both files and values
void check_same_dimension(
        const std::string& path, size_t d, const std::string& reference, size_t reference_d);

/// `count` different rows in their order, chosen by the seed alone.
Matrix<float> sample_rows(const Matrix<float>& vectors, size_t count, uint64_t seed);

} // namespace bqq::command
