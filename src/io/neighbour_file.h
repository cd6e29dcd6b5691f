#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace bqq {

/// What a search returns.
struct Neighbours {
    size_t n = 0;                 ///< queries
    size_t k = 0;                 ///< neighbours of each, the nearest first
    std::vector<int64_t> labels;  ///< size n * k, -1 where there is none
    std::vector<float> distances; ///< size n * k
};

/** Writes neighbours as a whole or not at all; the extension names the format:
 *
 *     .ivecs  labels, rows of an int32 k and k int32
 *     .npy    labels, int64, shape (n, k)
 *     .csv    query,rank,label,distance; query and rank count from 0
 *
 * @throws FileError  for another extension, a label that int32 cannot hold in .ivecs, or
 *         a file that cannot be written
 */
void write_neighbours(const std::string& path, const Neighbours& neighbours);

/// @throws FileError  when write_neighbours could not write to `path`
void check_neighbour_path(const std::string& path);

} // namespace bqq
