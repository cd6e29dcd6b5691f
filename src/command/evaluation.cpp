#include "command/evaluation.h"

#include "command/index_building.h"
#include "command/searching.h"
#include "command/stopwatch.h"
#include "command/temporary_folder.h"
#include "command/threads.h"

#include <bqq/index_io.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <utility>

namespace bqq::command {

namespace {

constexpr int least_runs = 3;
constexpr double slow = 10; // times the least time, after which fewer runs will do

void measure_recall(
        Evaluation& result, const std::vector<int64_t>& found, const Benchmark& benchmark) {
    const size_t k = benchmark.k;
    size_t first_hits = 0;
    size_t hits = 0;
    for (size_t begin = 0; begin < found.size(); begin += k) {
        const auto returned = found.begin() + static_cast<std::ptrdiff_t>(begin);
        const auto returned_end = returned + static_cast<std::ptrdiff_t>(k);
        const int64_t* nearest = benchmark.nearest.data() + begin;
        first_hits += *returned == nearest[0];
        hits += static_cast<size_t>(std::count_if(nearest, nearest + k, [&](int64_t label) {
            return std::find(returned, returned_end, label) != returned_end;
        }));
    }
    const auto queries = static_cast<double>(benchmark.queries.n);
    result.recall_1_at_1 = static_cast<double>(first_hits) / queries;
    result.recall_k_at_k = static_cast<double>(hits) / (queries * static_cast<double>(k));
}

/// Queries a second in the best run.
double measure_speed(const faiss::Index& index, const Benchmark& benchmark, int threads) {
    const ThreadScope scope(threads);
    const Stopwatch total;
    double best = 0;
    const auto more = [&](int runs) {
        const double spent = total.seconds();
        if (runs == 0 || spent < benchmark.seconds) return true;
        return runs < least_runs && spent < slow * benchmark.seconds;
    };
    for (int runs = 0; more(runs); ++runs) {
        const Stopwatch time;
        search_index(index, benchmark.queries, benchmark.k);
        best = std::max(best, static_cast<double>(benchmark.queries.n) / time.seconds());
    }
    return best;
}

/// The index as a user would find it, read from a file of `bytes` bytes.
std::unique_ptr<faiss::Index> read_back(std::unique_ptr<faiss::Index> built, double& bytes) {
    const TemporaryFolder folder;
    const std::string path = folder.file("index");
    write_index(built.get(), path);
    built.reset();
    bytes = static_cast<double>(std::filesystem::file_size(path));
    return std::unique_ptr<faiss::Index>(read_index(path));
}

} // namespace

Evaluation evaluate(const std::string& factory, const Benchmark& benchmark) {
    const ThreadScope scope(benchmark.threads);
    Evaluation result;
    result.index = factory;
    result.k = benchmark.k;
    auto index = make_index(factory, benchmark.base.d, benchmark.metric, benchmark.seed);

    const Stopwatch train_time;
    train_index(*index, benchmark.sample.n > 0 ? benchmark.sample : benchmark.base);
    result.train_seconds = train_time.seconds();
    const Stopwatch add_time;
    add_vectors(*index, benchmark.base);
    result.add_seconds = add_time.seconds();

    double bytes = 0;
    index = read_back(std::move(index), bytes);
    result.bytes_per_vector = bytes / static_cast<double>(benchmark.base.n);

    measure_recall(result, search_index(*index, benchmark.queries, benchmark.k).labels, benchmark);
    result.qps_1_thread = measure_speed(*index, benchmark, 1);
    result.qps_all_threads = measure_speed(*index, benchmark, benchmark.threads);
    return result;
}

} // namespace bqq::command
