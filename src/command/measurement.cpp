#include "command/measurement.h"

#include "base/heap_bytes.h"
#include "base/stopwatch.h"
#include "command/index_building.h"
#include "command/searching.h"
#include "command/temporary_folder.h"
#include "command/threads.h"
#include "index/file_bytes.h"

#include <bqq/index/index_io.h>

#include <algorithm>
#include <filesystem>
#include <utility>

namespace bqq::command {

namespace {

constexpr int least_runs = 3;
constexpr double slow = 10; // times the least time, after which fewer runs will do

/// Sets the index, read from a file, and what it takes there and in memory.
void read_back(
        std::unique_ptr<faiss::Index> built, const Benchmark& benchmark, BuiltIndex& result) {
    const TemporaryFolder folder;
    const std::string path = folder.file("index");
    write_index(built.get(), path);
    built.reset();
    const auto vectors = static_cast<double>(benchmark.base.n);
    result.bytes_per_vector = static_cast<double>(std::filesystem::file_size(path)) / vectors;
    const size_t before = heap_bytes();
    result.index = read_index(path);
    search_index(*result.index, benchmark.queries, benchmark.k); // may make what all searches share
    result.resident_bytes_per_vector = static_cast<double>(heap_bytes() - before) / vectors;
}

} // namespace

BuiltIndex build_index(const std::string& factory, const Benchmark& benchmark) {
    const ThreadScope scope(benchmark.threads);
    BuiltIndex result;
    auto index = make_index(factory, benchmark.base.d, benchmark.metric, benchmark.seed);

    const Stopwatch train_time;
    train_index(*index, benchmark.sample.n > 0 ? benchmark.sample : benchmark.base);
    result.train_seconds = train_time.seconds();
    result.shared_bytes_per_vector =
            static_cast<double>(file_bytes(*index)) / static_cast<double>(benchmark.base.n);
    const Stopwatch add_time;
    add_vectors(*index, benchmark.base);
    result.add_seconds = add_time.seconds();

    read_back(std::move(index), benchmark, result);
    return result;
}

Recall measure_recall(const std::vector<int64_t>& found, const Benchmark& benchmark) {
    return bqq::measure_recall(
            found.data(), {benchmark.metric.type, benchmark.base.d, benchmark.base.values.data(),
                           benchmark.queries.n, benchmark.queries.values.data(), benchmark.k,
                           benchmark.nearest.data()});
}

namespace {

Matrix<float> first_rows(const Matrix<float>& all, size_t count) {
    const auto numbers = static_cast<std::ptrdiff_t>(count * all.d);
    return {count, all.d, {all.values.begin(), all.values.begin() + numbers}};
}

/// As many of the queries, from the first on, as one thread may answer in the time of a slow run.
Matrix<float> timed_queries(const faiss::Index& index, const Benchmark& benchmark) {
    constexpr size_t kTried = 20;
    const Matrix<float>& all = benchmark.queries;
    if (all.n <= kTried) return all;
    const ThreadScope scope(1);
    const Matrix<float> tried = first_rows(all, kTried);
    const Stopwatch time;
    search_index(index, tried, benchmark.k);
    const double each = time.seconds() / static_cast<double>(kTried);
    const double affordable = slow * benchmark.seconds / std::max(each, 1e-9);
    if (affordable >= static_cast<double>(all.n)) return all;
    return first_rows(all, std::max(kTried, static_cast<size_t>(affordable)));
}

} // namespace

std::pair<double, double> measure_speeds(
        const faiss::Index& index, const Benchmark& benchmark, int threads, int other_threads) {
    const Matrix<float> queries = timed_queries(index, benchmark);
    const Stopwatch total;
    std::pair<double, double> best{0, 0};
    const auto more = [&](int runs) {
        const double spent = total.seconds() / 2;
        if (runs == 0 || spent < benchmark.seconds) return true;
        return runs < least_runs && spent < slow * benchmark.seconds;
    };
    const auto run = [&](int count, double& speed) {
        const ThreadScope scope(count);
        const Stopwatch time;
        search_index(index, queries, benchmark.k);
        speed = std::max(speed, static_cast<double>(queries.n) / time.seconds());
    };
    for (int runs = 0; more(runs); ++runs) {
        run(threads, best.first);
        run(other_threads, best.second);
    }
    return best;
}

double measure_speed(const faiss::Index& index, const Benchmark& benchmark, int threads) {
    const auto [a, b] = measure_speeds(index, benchmark, threads, threads);
    return std::max(a, b);
}

} // namespace bqq::command
