#pragma once

#include "command/arguments.h"
#include "index/recall.h"
#include "io/matrix.h"

#include <faiss/Index.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace bqq::command {

/// What each index is measured on.
struct Benchmark {
    Matrix<float> base;
    Matrix<float> queries;
    Matrix<float> sample;         ///< vectors to train on; all of base when empty
    std::vector<int64_t> nearest; ///< true labels, size queries.n * k
    size_t k = 0;
    MetricChoice metric;
    uint64_t seed = 0;
    double seconds = 1; ///< least time to search for, with each number of threads
    int threads = 1;    ///< of training, adding and one of the two timed searches
};

/// An index as a user would find it, read from a file.
struct BuiltIndex {
    std::unique_ptr<faiss::Index> index;
    double bytes_per_vector = 0;          ///< of the file
    double shared_bytes_per_vector = 0;   ///< of the file before vectors are added
    double resident_bytes_per_vector = 0; ///< on the heap, after a search
    double train_seconds = 0;
    double add_seconds = 0;
};

/// Trains on the sample, adds the base, writes the index to a temporary file and reads it back.
BuiltIndex build_index(const std::string& factory, const Benchmark& benchmark);

/** Ties count as found: a vector that is as near as the k-th nearest is right.
 * @param found  labels, size queries.n * k
 */
Recall measure_recall(const std::vector<int64_t>& found, const Benchmark& benchmark);

/// Queries a second in the best of several runs of all queries, or where that takes long of some.
double measure_speed(const faiss::Index& index, const Benchmark& benchmark, int threads);

/// The same with each of two numbers of threads in turns, so that both see the machine alike.
std::pair<double, double> measure_speeds(
        const faiss::Index& index, const Benchmark& benchmark, int threads, int other_threads);

} // namespace bqq::command
