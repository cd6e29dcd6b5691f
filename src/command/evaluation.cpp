#include "command/evaluation.h"

#include "command/searching.h"
#include "command/threads.h"

namespace bqq::command {

Evaluation evaluate(const std::string& factory, const Benchmark& benchmark) {
    const ThreadScope scope(benchmark.threads);
    const BuiltIndex built = build_index(factory, benchmark);
    const faiss::Index& index = *built.index;
    const Recall recall =
            measure_recall(search_index(index, benchmark.queries, benchmark.k).labels, benchmark);

    Evaluation result;
    result.index = factory;
    result.vectors = benchmark.base.n;
    result.bytes_per_vector = built.bytes_per_vector;
    result.resident_bytes_per_vector = built.resident_bytes_per_vector;
    result.recall_1_at_1 = recall.first;
    result.recall_k_at_k = recall.all;
    result.k = benchmark.k;
    result.train_seconds = built.train_seconds;
    result.add_seconds = built.add_seconds;
    result.qps_1_thread = measure_speed(index, benchmark, 1);
    result.qps_all_threads = measure_speed(index, benchmark, benchmark.threads);
    return result;
}

} // namespace bqq::command
