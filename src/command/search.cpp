#include "command/arguments.h"
#include "command/commands.h"
#include "command/inputs.h"
#include "command/searching.h"
#include "command/threads.h"
#include "command/wrapped_index.h"
#include "io/neighbour_file.h"

#include <bqq/index/index_io.h>
#include <faiss/IndexIVF.h>
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
    std::optional<int64_t> nprobe;
    ThreadOption threads;
};

void check_metric(const SearchOptions& options, const faiss::Index& index) {
    if (!options.metric || parse_metric(*options.metric).type == index.metric_type) return;
    throw std::runtime_error(
            "--metric is " + *options.metric + ", but " + options.index + " was built for " +
            metric_name(index.metric_type));
}

void set_nprobe(const SearchOptions& options, faiss::Index& index) {
    if (!options.nprobe) return;
    auto* ivf = find_index<faiss::IndexIVF>(&index);
    if (ivf == nullptr)
        throw std::runtime_error(
                "--nprobe is " + std::to_string(*options.nprobe) + ", but " + options.index +
                " has no inverted lists");
    ivf->nprobe = static_cast<size_t>(*options.nprobe);
}

int search(const SearchOptions& options) {
    check_positive("--k", options.k);
    if (options.nprobe) check_positive("--nprobe", *options.nprobe);
    check_positive("--threads", options.threads.count);
    const MetricChoice metric = options.metric ? parse_metric(*options.metric) : MetricChoice{};
    check_neighbour_path(options.out);
    const ThreadScope threads(options.threads.count);
    const Matrix<float> queries = read_inputs(options.queries, metric);
    const std::unique_ptr<faiss::Index> index = read_index(options.index, faiss::IO_FLAG_READ_ONLY);
    check_same_dimension(options.queries, queries.d, options.index, static_cast<size_t>(index->d));
    check_metric(options, *index);
    set_nprobe(options, *index);
    if (!index->is_trained) throw std::runtime_error(options.index + ": is not trained");
    write_neighbours(options.out, search_index(*index, queries, static_cast<size_t>(options.k)));
    return 0;
}

} // namespace

void add_search(CLI::App& app, Run& run) {
    CLI::App* sub = app.add_subcommand("search", "Find the nearest neighbours of queries");
    auto options = std::make_shared<SearchOptions>();
    sub->add_option("--index", options->index, "Index file")->required();
    sub->add_option("--queries", options->queries, "Vectors: .fvecs, .bvecs or .npy")->required();
    sub->add_option("--k", options->k, "Neighbours of each query")->required();
    sub->add_option("--out", options->out, "File to write: .ivecs, .npy or .csv")->required();
    sub->add_option(
            "--metric", options->metric,
            "l2, ip or cosine, which the index has to be built for; cosine normalizes the queries");
    sub->add_option("--nprobe", options->nprobe, "Inverted file: lists to look at [1]");
    options->threads.add_to(*sub);
    sub->callback([options, &run] { run = [options] { return search(*options); }; });
}

} // namespace bqq::command
