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
    /// Range search, where k is 0: the neighbours of query i are limits[i] to limits[i + 1] - 1.
    std::vector<size_t> limits = {};

    size_t begin_of(size_t query) const { return limits.empty() ? query * k : limits[query]; }
};

/** Writes neighbours as a whole or not at all:
 *
 *     ivecs  labels, rows of an int32 k and k int32
 *     npy    labels, int64, shape (n, k)
 *     csv    query,rank,label,distance; query and rank count from 0
 *     jsonl  a line a query: {"query": 0, "labels": [...], "distances": [...]}, without -1
 *
 * @param format  one of these; the suffix of the path when empty
 * @throws FileError  as check_neighbour_path does, for a label that int32 cannot hold in ivecs, and
 *         when the file cannot be written
 */
void write_neighbours(
        const std::string& path, const Neighbours& neighbours, const std::string& format = "");

/// Writes the distances alone: .npy, float32, shape (n, k), or .fvecs. @throws FileError  likewise
void write_distances(const std::string& path, const Neighbours& neighbours);

/// @param range  neighbours of a range search: ivecs and npy cannot hold them
/// @throws FileError  when write_neighbours could not write to `path`
void check_neighbour_path(
        const std::string& path, const std::string& format = "", bool range = false);
/// @throws FileError  when write_distances could not write to `path`
void check_distance_path(const std::string& path);

} // namespace bqq
