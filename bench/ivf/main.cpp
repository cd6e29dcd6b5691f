// Recall against queries a second of inverted files, ours and FAISS's.
#include "command/arguments.h"
#include "command/inputs.h"
#include "command/measurement.h"
#include "command/searching.h"
#include "command/text_output.h"
#include "command/threads.h"
#include "curve.h"
#include "index/error_message.h"
#include "report.h"
#include "summary.h"

#include <faiss/Index.h>
#include <faiss/utils/distances.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace bqq;
using namespace bqq::bench;

struct Options {
    std::string base;
    std::string queries;
    std::string truth;
    std::string metric = "l2";
    bool normalize = false;
    size_t base_count = all_rows;
    size_t queries_count = all_rows;
    size_t k = 10;
    std::vector<std::string> factories;
    Sweep sweep{.nprobe = {}, .k_factor = {1, 2, 4, 8, 16, 32}};
    double min_seconds = 0.3;
    uint64_t seed = 1234;
    int threads = command::default_threads();
    std::string from; ///< rows measured before
    std::string json;
    std::string csv;
    bool summary = false;
    SummaryOptions compared;
};

std::string faiss_version() {
    return std::to_string(FAISS_VERSION_MAJOR) + "." + std::to_string(FAISS_VERSION_MINOR) + "." +
           std::to_string(FAISS_VERSION_PATCH);
}

void add_data_options(CLI::App& app, Options& options) {
    app.add_option("--base", options.base, "Vectors: .npy, .fvecs or .bvecs");
    app.add_option("--queries", options.queries, "Vectors: .npy, .fvecs or .bvecs");
    app.add_option(
            "--truth", options.truth, "True neighbours: .npy or .ivecs [found by exact search]");
    app.add_option("--metric", options.metric, "l2, ip or cosine")->capture_default_str();
    app.add_flag("--normalize", options.normalize, "Scale all vectors to norm one");
    app.add_option("--base-count", options.base_count, "Only the first so many vectors [all]")
            ->check(CLI::PositiveNumber);
    app.add_option("--queries-count", options.queries_count, "Only the first so many [all]")
            ->check(CLI::PositiveNumber);
}

void add_measurement_options(CLI::App& app, Options& options) {
    app.add_option("--factory", options.factories, "Index, such as IVF980,PQ49x8; may be repeated");
    app.add_option("--k", options.k, "Neighbours of each query")
            ->check(CLI::PositiveNumber)
            ->capture_default_str();
    app.add_option(
               "--nprobe", options.sweep.nprobe,
               "Numbers of lists to probe [1, 2, 4... up to half the lists]")
            ->delimiter(',')
            ->check(CLI::PositiveNumber);
    app.add_option(
               "--k-factor", options.sweep.k_factor, "Of indexes with refinement, as FAISS has it")
            ->delimiter(',')
            ->check(CLI::Range(1, 1 << 20))
            ->capture_default_str();
    app.add_option("--min-seconds", options.min_seconds, "Least time of each speed measurement")
            ->check(CLI::NonNegativeNumber)
            ->capture_default_str();
    app.add_option("--seed", options.seed, "Seed of the training")->capture_default_str();
    app.add_option("--threads", options.threads, "Number of threads")
            ->check(CLI::Range(1, 1024))
            ->capture_default_str();
    app.add_flag(
            "--one-thread-only", options.sweep.one_thread_only,
            "Do not measure the speed with all threads");
}

void add_output_options(CLI::App& app, Options& options) {
    app.add_option("--json", options.json, "File to write, - for standard output");
    app.add_option("--csv", options.csv, "File to write, - for standard output");
    app.add_flag("--summary", options.summary, "Print the speeds at equal recall");
    app.add_option("--level", options.compared.levels, "Recall at which the summary compares")
            ->delimiter(',')
            ->check(CLI::Range(0., 1.))
            ->capture_default_str();
    app.add_option(
            "--reference", options.compared.references,
            "Factory, or how a family of codes begins, by whose speed the summary divides; may be "
            "repeated");
    app.add_option(
            "--from", options.from, "Rows that --json wrote, reported again instead of measured");
}

void add_options(CLI::App& app, Options& options) {
    add_data_options(app, options);
    add_measurement_options(app, options);
    add_output_options(app, options);
    app.set_version_flag("--version", "bqq_ivf, FAISS " + faiss_version());
}

void check(const Options& options) {
    if (options.base.empty() || options.queries.empty() || options.factories.empty()) {
        throw std::runtime_error("--base, --queries and --factory are required, or --from");
    }
}

command::Benchmark prepare(const Options& options) {
    command::MetricChoice metric = command::parse_metric(options.metric);
    metric.normalize |= options.normalize;
    command::Benchmark benchmark;
    benchmark.k = options.k;
    benchmark.metric = {metric.type, false}; // the vectors are normalized already
    benchmark.seed = options.seed;
    benchmark.seconds = options.min_seconds;
    benchmark.threads = options.threads;
    benchmark.queries = command::read_inputs(options.queries, metric, options.queries_count);
    benchmark.base =
            command::read_inputs(options.base, metric, options.base_count, {.member = "train"});
    const Matrix<float>& base = benchmark.base;
    const Matrix<float>& queries = benchmark.queries;
    command::check_same_dimension(options.queries, queries.d, options.base, base.d);
    if (options.k > base.n) throw std::runtime_error("--k is larger than the base");
    benchmark.nearest =
            options.truth.empty()
                    ? command::exact_search(base, queries, options.k, metric.type)
                    : command::read_nearest(options.truth, queries.n, options.k, base.n);
    return benchmark;
}

/// Those that this FAISS can make; the others are reported.
std::vector<std::string> known_factories(
        const Options& options, const command::Benchmark& benchmark) {
    std::vector<std::string> known;
    for (const std::string& factory : options.factories) {
        try {
            check_factory(factory, benchmark);
            known.push_back(factory);
        } catch (const std::exception& error) {
            std::cerr << "bqq_ivf: left out " << factory << " (FAISS " << faiss_version()
                      << "): " << error_message(error) << '\n';
        }
    }
    return known;
}

/// Appends to `rows`. Returns whether all indexes that could be made were measured.
bool measure(const Options& options, std::vector<Row>& rows) {
    const command::ThreadScope threads(options.threads);
    // By default FAISS leaves queries of fewer than 128,000 numbers in all to a slower product with
    // the centroids.
    faiss::distance_compute_blas_threshold = 1;
    const command::Benchmark benchmark = prepare(options);
    const std::vector<std::string> factories = known_factories(options, benchmark);
    ProgressLines lines(std::cerr);
    bool complete = true;
    for (const std::string& factory : factories) {
        try {
            measure_curve(factory, benchmark, options.sweep, [&](const Row& row) {
                rows.push_back(row);
                lines.add(row);
            });
        } catch (const std::exception& error) {
            std::cerr << "bqq_ivf: " << factory << ": " << error_message(error) << '\n';
            complete = false;
        }
    }
    return complete;
}

template <class T>
void sort_unique(std::vector<T>& values) {
    std::sort(values.begin(), values.end());
    values.erase(std::unique(values.begin(), values.end()), values.end());
}

bool run(Options options) {
    sort_unique(options.sweep.nprobe);
    sort_unique(options.sweep.k_factor);
    command::check_text_path(options.json);
    command::check_text_path(options.csv);
    std::vector<Row> rows;
    bool complete = true;
    if (options.from.empty()) {
        check(options);
        complete = measure(options, rows);
    } else {
        rows = read_rows(options.from);
    }
    if (rows.empty()) throw std::runtime_error("no index was measured");
    if (!options.json.empty()) command::write_text(options.json, to_json(rows));
    if (!options.csv.empty()) command::write_text(options.csv, to_csv(rows));
    const bool file_on_stdout = options.json == "-" || options.csv == "-";
    if (options.summary) {
        print_summary(file_on_stdout ? std::cerr : std::cout, rows, options.compared);
    }
    return complete;
}

} // namespace

int main(int argc, char** argv) {
    CLI::App app("Recall against queries a second of inverted files", "bqq_ivf");
    Options options;
    add_options(app, options);
    CLI11_PARSE(app, argc, argv);
    try {
        return run(options) ? EXIT_SUCCESS : EXIT_FAILURE;
    } catch (const std::exception& error) {
        std::cerr << "bqq_ivf: " << error_message(error) << '\n';
        return EXIT_FAILURE;
    }
}
