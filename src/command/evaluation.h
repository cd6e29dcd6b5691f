#pragma once

#include "formats/matrix.h"

#include <faiss/MetricType.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace bqq::command {

/// What each index is measured on.
struct Benchmark {
    Matrix<float> base;
    Matrix<float> queries;
    Matrix<float> sample;         ///< vectors to train on; all of base when empty
    std::vector<int64_t> nearest; ///< true labels, size queries.n * k
    size_t k = 0;
    faiss::MetricType metric = faiss::METRIC_L2;
    uint64_t seed = 0;
    double seconds = 1; ///< least time to search for, with each number of threads
    int threads = 1;    ///< of training, adding and one of the two timed searches
};

/// What was measured of one index.
struct Evaluation {
    std::string index; ///< its factory string
    double bytes_per_vector = 0;
    double recall_1_at_1 = 0; ///< share of the queries whose first neighbour is the true first
    double recall_k_at_k = 0; ///< share of the true k nearest among the k returned
    size_t k = 0;
    double train_seconds = 0;
    double add_seconds = 0;
    double qps_1_thread = 0; ///< queries a second, in the best of several runs of all queries
    double qps_all_threads = 0;
};

/// Builds the index, writes it to a temporary file, and measures the one that is read back.
Evaluation evaluate(const std::string& factory, const Benchmark& benchmark);

} // namespace bqq::command
