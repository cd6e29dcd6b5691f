#pragma once

#include "io/matrix.h"

#include <cstdint>
#include <string>

namespace bqq::bench {

struct NamedMatrix {
    std::string name;
    Matrix<float> X;
};

/// 128 x 128 normal numbers.
NamedMatrix random_matrix(uint64_t seed);

/// The distances of 128 random points of the unit square.
NamedMatrix distance_matrix(uint64_t seed);

/// The first 128 rows of a file of vectors.
NamedMatrix first_rows(const std::string& name, const std::string& path);

/// All rows of a file of vectors, under its name without folder and extension.
NamedMatrix matrix_of_file(const std::string& path);

/** Brings the mean of all entries to zero and their variance to one.
 * @throws std::runtime_error  when all entries are equal
 */
void standardize(NamedMatrix& matrix);

} // namespace bqq::bench
