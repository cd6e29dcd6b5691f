#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace bqq::bench {

/// An index measured with one choice of its search parameters.
struct Row {
    std::string factory;
    double bytes = 0;        ///< of the file, for each vector
    double shared_bytes = 0; ///< of the file before vectors are added, for each vector
    double train_seconds = 0;
    double add_seconds = 0;
    size_t k = 0;
    int64_t nprobe = 0;
    std::optional<float> k_factor; ///< of an index with refinement
    double recall = 0;             ///< k-recall@k
    double qps_1_thread = 0;
    std::optional<double> qps_all_threads;
    double codes_per_query = 0;
};

} // namespace bqq::bench
