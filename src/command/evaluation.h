#pragma once

#include "command/measurement.h"
#include "command/search_knobs.h"

#include <cstddef>
#include <string>
#include <vector>

namespace bqq::command {

/// What was measured of one index.
struct Evaluation {
    std::string index;                    ///< its factory string
    std::string search;                   ///< search parameters, such as "nprobe=4"
    size_t vectors = 0;                   ///< in the index
    double bytes_per_vector = 0;          ///< of the index file
    double shared_bytes_per_vector = 0;   ///< of the file before vectors are added
    double resident_bytes_per_vector = 0; ///< that the index holds in memory while it is searched
    double recall_1_at_1 = 0; ///< share of the queries whose first neighbour is the true first
    double recall_k_at_k = 0; ///< share of the true k nearest among the k returned
    size_t k = 0;
    double train_seconds = 0;
    double add_seconds = 0;
    double qps_1_thread = 0; ///< queries a second, in the best of several runs
    double qps_all_threads = 0;
};

/** Builds the index, writes it to a temporary file, and measures the one that is read back.
 * @return  one for each combination of the search parameters that the index has
 */
std::vector<Evaluation> evaluate(
        const std::string& factory, const SearchKnobOptions& knobs, const Benchmark& benchmark);

} // namespace bqq::command
