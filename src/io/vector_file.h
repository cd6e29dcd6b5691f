#pragma once

#include "io/matrix.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

namespace bqq {

inline constexpr size_t all_rows = std::numeric_limits<size_t>::max();

/** Reads vectors; the file's extension names the format:
 *
 *     .fvecs  rows of an int32 d and d floats
 *     .bvecs  rows of an int32 d and d bytes
 *     .npy    two dimensions, C order, dtype f4, f2 or u1
 *
 * @param limit  at most so many rows, the first ones
 * @throws FileError  when the file is missing, empty, truncated or of another format, or
 *         its rows differ in d; the message begins with the path
 */
Matrix<float> read_vectors(const std::string& path, size_t limit = all_rows);

/** Reads labels, such as the true neighbours of queries: .ivecs, or .npy of dtype i4 or i8.
 * @throws FileError  as read_vectors does
 */
Matrix<int64_t> read_labels(const std::string& path, size_t limit = all_rows);

/** @param path  named by the message: "base.npy: row 3, column 7 is nan", counted from 0
 * @throws FileError  when a value is NaN or infinite
 */
void check_finite(const Matrix<float>& vectors, const std::string& path);

} // namespace bqq
