#include "command/arguments.h"
#include "command/commands.h"
#include "command/inputs.h"
#include "command/search_knobs.h"
#include "command/searching.h"
#include "command/threads.h"
#include "command/wrapped_index.h"
#include "io/neighbour_file.h"

#include <bqq/index/index_io.h>
#include <faiss/index_io.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

namespace bqq::command {

namespace {

struct SearchOptions {
    std::string index;
    std::string queries;
    int64_t k = 0;
    std::string out;
    std::optional<std::string> metric;
    SearchKnobOptions knobs;
    ThreadOption threads;
};

void check_metric(const SearchOptions& options, const faiss::Index& index) {
    if (!options.metric) return;
    if (*options.metric == metric_name(index)) return;
    throw std::runtime_error(
            "--metric is " + *options.metric + ", but " + options.index + " was built for " +
            metric_name(index));
}

int search(const SearchOptions& options) {
    check_positive("--k", options.k);
    const SearchKnobs knobs = options.knobs.single();
    options.threads.check();
    if (options.metric) (void)parse_metric(*options.metric);
    check_neighbour_path(options.out);
    check_not_input(options.out, options.queries);
    check_not_input(options.out, options.index);
    const ThreadScope threads(options.threads.count);
    const Matrix<float> queries = read_inputs(options.queries, {});
    const std::unique_ptr<faiss::Index> index = read_index(options.index, faiss::IO_FLAG_READ_ONLY);
    check_same_dimension(options.queries, queries.d, options.index, static_cast<size_t>(index->d));
    check_metric(options, *index);
    knobs.apply_to(*index, options.index);
    if (!index->is_trained) throw std::runtime_error(options.index + ": is not trained");
    write_neighbours(options.out, search_index(*index, queries, static_cast<size_t>(options.k)));
    return 0;
}

} // namespace

void add_search(CLI::App& app, Run& run) {
    CLI::App* sub = app.add_subcommand("search", "Find the nearest neighbours of queries");
    auto options = std::make_shared<SearchOptions>();
    sub->add_option("--index", options->index, "Index file")->required();
    sub->add_option("--queries", options->queries, "Vectors: .npy, .fvecs, .fbin and the like")
            ->required();
    sub->add_option("--k", options->k, "Neighbours of each query")->required();
    sub->add_option("--out", options->out, "File to write: .ivecs, .npy or .csv")->required();
    sub->add_option(
            "--metric", options->metric,
            "l2, ip or cosine, to be refused if the index was built for another");
    options->knobs.add_to(*sub, false);
    options->threads.add_to(*sub);
    sub->callback([options, &run] { run = [options] { return search(*options); }; });
}

} // namespace bqq::command
