#include "command/evaluation.h"

#include "command/searching.h"
#include "command/threads.h"

#include <tuple>

namespace bqq::command {

std::vector<Evaluation> evaluate(
        const std::string& factory, const SearchKnobOptions& knobs, const Benchmark& benchmark) {
    const ThreadScope scope(benchmark.threads);
    const BuiltIndex built = build_index(factory, benchmark);
    faiss::Index& index = *built.index;
    Evaluation result;
    result.index = factory;
    result.vectors = benchmark.base.n;
    result.bytes_per_vector = built.bytes_per_vector;
    result.shared_bytes_per_vector = built.shared_bytes_per_vector;
    result.resident_bytes_per_vector = built.resident_bytes_per_vector;
    result.k = benchmark.k;
    result.train_seconds = built.train_seconds;
    result.add_seconds = built.add_seconds;
    std::vector<Evaluation> all;
    for (const SearchKnobs& values : knobs.combinations(index)) {
        values.apply_to(index, factory);
        result.search = values.text();
        const Recall recall = measure_recall(
                search_index(index, benchmark.queries, benchmark.k).labels, benchmark);
        result.recall_1_at_1 = recall.first;
        result.recall_k_at_k = recall.all;
        std::tie(result.qps_1_thread, result.qps_all_threads) =
                measure_speeds(index, benchmark, 1, benchmark.threads);
        all.push_back(result);
    }
    return all;
}

} // namespace bqq::command
