#include "command/measurement.h"

#include "base/heap_bytes.h"
#include "command/index_building.h"
#include "command/searching.h"
#include "command/stopwatch.h"
#include "command/temporary_folder.h"
#include "command/threads.h"

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
    const Stopwatch add_time;
    add_vectors(*index, benchmark.base);
    result.add_seconds = add_time.seconds();

    read_back(std::move(index), benchmark, result);
    return result;
}

Recall measure_recall(const std::vector<int64_t>& found, const Benchmark& benchmark) {
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
    return {static_cast<double>(first_hits) / queries,
            static_cast<double>(hits) / (queries * static_cast<double>(k))};
}

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

} // namespace bqq::command
