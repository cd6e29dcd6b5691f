#include "command/arguments.h"
#include "command/commands.h"
#include "command/evaluation.h"
#include "command/evaluation_report.h"
#include "command/index_building.h"
#include "command/inputs.h"
#include "command/search_knobs.h"
#include "command/searching.h"
#include "command/text_output.h"
#include "command/threads.h"
#include "index/error_message.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace bqq::command {

namespace {

struct EvalOptions {
    BaseOptions base;
    std::string queries;
    std::string groundtruth;
    std::string metric;
    std::vector<std::string> factories;
    int64_t k = 0;
    std::string json;
    std::string csv;
    double seconds = 1;
    TrainingOptions training;
    SearchKnobOptions knobs;
    ThreadOption threads;
};

Benchmark prepare(const EvalOptions& options) {
    const MetricChoice metric = parse_metric(options.metric);
    Benchmark benchmark;
    benchmark.k = static_cast<size_t>(options.k);
    benchmark.metric = metric;
    benchmark.seed = static_cast<uint64_t>(options.training.seed);
    benchmark.seconds = options.seconds;
    benchmark.threads = options.threads.count;
    const FormatOptions& formats = options.base.formats;
    benchmark.queries = read_inputs(options.queries, metric, all_rows, formats.with_member("test"));
    benchmark.base = options.base.open(metric).read_all();
    const Matrix<float>& base = benchmark.base;
    const Matrix<float>& queries = benchmark.queries;
    check_same_dimension(options.queries, queries.d, options.base.path, base.d);
    if (benchmark.k > base.n) {
        throw std::runtime_error(
                "--k is " + std::to_string(options.k) + ", but " + options.base.path + " has " +
                std::to_string(base.n) + " vectors");
    }
    options.training.check(options.base.path, base.n);
    if (options.training.vectors && std::cmp_less(*options.training.vectors, base.n)) {
        const auto count = static_cast<size_t>(*options.training.vectors);
        benchmark.sample = sample_rows(base, count, benchmark.seed);
    }
    benchmark.nearest = options.groundtruth.empty()
                                ? exact_search(base, queries, benchmark.k, metric.type)
                                : read_nearest(
                                          options.groundtruth, queries.n, benchmark.k, base.n,
                                          formats.with_member("neighbors"));
    return benchmark;
}

/** Makes each index, so that a factory string that is none is found before others are trained.
 * @return  characters of the longest factory string with its search parameters
 */
size_t widest_row(const EvalOptions& options, const Benchmark& benchmark) {
    size_t width = 0;
    for (const std::string& factory : options.factories) {
        const std::unique_ptr<faiss::Index> index =
                make_index(factory, benchmark.base.d, benchmark.metric, benchmark.seed);
        for (const SearchKnobs& knobs : options.knobs.combinations(*index))
            width = std::max(width, factory.size() + 1 + knobs.text().size());
    }
    return width;
}

int eval(const EvalOptions& options) {
    check_range("--k", options.k, kMostNeighbours);
    options.knobs.check();
    options.threads.check();
    check_text_path(options.json);
    check_text_path(options.csv);
    const ThreadScope threads(options.threads.count);
    const Benchmark benchmark = prepare(options);

    const bool file_on_stdout = options.json == "-" || options.csv == "-";
    EvaluationTable table(
            file_on_stdout ? std::cerr : std::cout, widest_row(options, benchmark), benchmark.k);
    std::vector<Evaluation> rows;
    size_t failed = 0;
    for (const std::string& factory : options.factories) {
        try {
            for (Evaluation& row : evaluate(factory, options.knobs, benchmark)) {
                table.add(row);
                rows.push_back(std::move(row));
            }
        } catch (const std::exception& error) {
            std::cerr << "bqq: " << factory << ": " << error_message(error) << '\n';
            ++failed;
        }
    }
    if (!options.json.empty()) write_text(options.json, to_json(rows));
    if (!options.csv.empty()) write_text(options.csv, to_csv(rows));
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

} // namespace

void add_eval(CLI::App& app, Run& run) {
    CLI::App* sub = app.add_subcommand("eval", "Measure recall, memory and speed of indexes");
    auto options = std::make_shared<EvalOptions>();
    options->base.add_to(*sub);
    sub->add_option("--queries", options->queries, std::string("Vectors: ") + kVectorFormats)
            ->required();
    sub->add_option(
            "--groundtruth", options->groundtruth,
            "True neighbours: .ivecs, .ibin, .npy, .hdf5, ... [found by exact search]");
    sub->add_option("--metric", options->metric, "l2, ip or cosine")->required();
    sub->add_option("--factory", options->factories, "Index, such as BQQ256; may be repeated")
            ->required();
    sub->add_option("--k", options->k, "Neighbours of each query")->required();
    sub->add_option("--json", options->json, "File to write, - for standard output");
    sub->add_option("--csv", options->csv, "File to write, - for standard output");
    sub->add_option("--seconds", options->seconds, "Least time of each speed measurement")
            ->capture_default_str();
    options->knobs.add_to(*sub, true);
    options->training.add_to(*sub);
    options->threads.add_to(*sub);
    sub->callback([options, &run] { run = [options] { return eval(*options); }; });
}

} // namespace bqq::command
