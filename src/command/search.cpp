#include "command/arguments.h"
#include "command/commands.h"
#include "command/inputs.h"
#include "command/search_knobs.h"
#include "command/searching.h"
#include "command/threads.h"
#include "command/tuned_file.h"
#include "index/error_message.h"
#include "index/wrapped_index.h"
#include "io/neighbour_file.h"

#include <bqq/index/index_io.h>
#include <faiss/index_io.h>

#include <cmath>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

namespace bqq::command {

namespace {

struct SearchOptions {
    std::string index;
    std::string queries;
    FormatOptions formats;
    std::optional<int64_t> k;
    std::optional<float> radius;
    std::string out = output_path("-");
    std::string out_format;
    std::string distances;
    std::optional<std::string> metric;
    std::string tuned;
    SearchKnobOptions knobs;
    ThreadOption threads;
};

/// Empty: the suffix says it.
std::string format_of(const SearchOptions& options) {
    const bool unnamed = options.out_format.empty() && options.out == output_path("-");
    return unnamed ? "csv" : options.out_format;
}

/// @throws UsageError and FileError  for options that cannot be, or files that cannot be written
void check(const SearchOptions& options) {
    if (options.k.has_value() == options.radius.has_value())
        throw UsageError("either --k or --radius has to be given");
    if (options.k) check_range("--k", *options.k, kMostNeighbours);
    if (options.radius && std::isnan(*options.radius))
        throw UsageError("--radius is nan, it has to be a number");
    options.threads.check();
    if (options.metric) (void)parse_metric(*options.metric);
    check_neighbour_path(options.out, format_of(options), options.radius.has_value());
    check_output(options.out, {options.index, options.queries});
    if (options.distances.empty()) return;
    if (options.radius)
        throw UsageError("--distances is a file of --k; with --radius they are in --out");
    check_distance_path(options.distances);
    check_output(options.distances, {options.index, options.queries, options.out});
}

int search(const SearchOptions& options) {
    check(options);
    const SearchKnobs knobs = options.knobs.single();
    const ThreadScope threads(options.threads.count);
    const Matrix<float> queries =
            read_inputs(options.queries, {}, all_rows, options.formats.with_member("test"));
    const std::unique_ptr<faiss::Index> index = read_index(options.index, faiss::IO_FLAG_READ_ONLY);
    check_same_dimension(options.queries, queries.d, options.index, static_cast<size_t>(index->d));
    check_metric(options.metric, options.index, *index);
    if (!options.tuned.empty())
        say_where(options.tuned, [&] { TunedFile::read(options.tuned).apply_to(*index); });
    knobs.apply_to(*index, options.index);
    if (!index->is_trained) throw std::runtime_error(options.index + ": is not trained");
    const Neighbours found = say_where(options.index + ", " + index_name(index.get()), [&] {
        return options.radius ? range_search_index(*index, queries, *options.radius)
                              : search_index(*index, queries, static_cast<size_t>(*options.k));
    });
    write_neighbours(options.out, found, format_of(options));
    if (!options.distances.empty()) write_distances(options.distances, found);
    return 0;
}

} // namespace

void add_search(CLI::App& app, Run& run) {
    CLI::App* sub = app.add_subcommand("search", "Find the nearest neighbours of queries");
    auto options = std::make_shared<SearchOptions>();
    sub->add_option("--index", options->index, "Index file")->required();
    sub->add_option("--queries", options->queries, std::string("Vectors: ") + kVectorFormats)
            ->required();
    options->formats.add_to(*sub);
    sub->add_option("--k", options->k, "Neighbours of each query");
    sub->add_option(
            "--radius", options->radius,
            "All neighbours below this squared distance, or above this inner product");
    sub->add_option("--out", options->out, "File to write: .npy, .ivecs, .csv or .jsonl [-]")
            ->transform(output_path);
    sub->add_option(
            "--out-format", options->out_format,
            "npy, ivecs, csv or jsonl [of the suffix; csv to standard output]");
    sub->add_option("--distances", options->distances, "File to write: .npy or .fvecs");
    sub->add_option(
            "--metric", options->metric,
            "l2, ip or cosine, to be refused if the index was built for another");
    sub->add_option(
            "--tuned", options->tuned,
            "File of bqq tune, for its search parameters; options given here go before them");
    options->knobs.add_to(*sub, false);
    options->threads.add_to(*sub);
    sub->callback([options, &run] { run = [options] { return search(*options); }; });
}

} // namespace bqq::command
