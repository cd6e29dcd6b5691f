#include "command/arguments.h"
#include "command/commands.h"
#include "command/error_message.h"
#include "command/index_building.h"
#include "command/inputs.h"
#include "command/stopwatch.h"
#include "command/text_output.h"
#include "command/threads.h"

#include <bqq/index/index_io.h>

#include <algorithm>
#include <filesystem>
#include <iomanip>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace bqq::command {

namespace {

/// Numbers of the training set, unless --train says otherwise: 1 GiB. An index takes a sample of
/// what it is given, too.
constexpr size_t kTrainingNumbers = size_t{1} << 28;

struct BuildOptions {
    BaseOptions base;
    std::optional<std::string> ids;
    std::string factory;
    std::string metric;
    std::string out;
    TrainingOptions training;
    ThreadOption threads;
};

/// What the index is trained on: a sample of a large file, which need not fit in memory.
Matrix<float> training_vectors(const BuildOptions& options, InputVectors& base) {
    size_t count = std::min(base.n(), std::max<size_t>(1, kTrainingNumbers / base.d()));
    if (options.training.vectors)
        count = static_cast<size_t>(*options.training.vectors);
    else if (count < base.n())
        std::cerr << "bqq: training on a sample of " << count << " of " << base.n()
                  << " vectors; --train sets another number\n";
    return base.sample(count, static_cast<uint64_t>(options.training.seed));
}

void print_summary(
        const BuildOptions& options, const faiss::Index& index, double train_seconds,
        double add_seconds) {
    std::ostream& out = summary_stream(options.out);
    out << options.factory << ": " << index.ntotal << " vectors, d = " << index.d;
    std::error_code not_a_file;
    const auto bytes = std::filesystem::file_size(options.out, not_a_file);
    out << std::fixed << std::setprecision(2);
    if (!not_a_file)
        out << ", " << static_cast<double>(bytes) / static_cast<double>(index.ntotal)
            << " bytes/vector";
    out << ", trained in " << train_seconds << " s, added in " << add_seconds << " s\n";
}

int build(const BuildOptions& options) {
    const MetricChoice metric = parse_metric(options.metric);
    options.threads.check();
    check_output(options.out, {options.base.path, options.ids.value_or("")});
    const ThreadScope threads(options.threads.count);
    InputVectors base = options.base.open({metric.type, false}); // a cosine index normalizes
    options.training.check(base.name(), base.n());
    const std::vector<int64_t> ids = base.ids(options.ids, options.base.formats.hints);
    const auto seed = static_cast<uint64_t>(options.training.seed);
    auto index = make_index(options.factory, base.d(), metric, seed);
    if (!ids.empty()) index = with_ids(std::move(index));

    Matrix<float> sample = training_vectors(options, base);
    const Stopwatch train_time;
    say_where(options.factory, [&] { train_index(*index, sample); });
    const double train_seconds = train_time.seconds();
    sample = {};
    const Stopwatch add_time;
    say_where(options.factory, [&] { add_vectors(*index, base, ids); });
    const double add_seconds = add_time.seconds();
    write_index(index.get(), options.out);
    print_summary(options, *index, train_seconds, add_seconds);
    return 0;
}

} // namespace

void add_build(CLI::App& app, Run& run) {
    CLI::App* sub = app.add_subcommand("build", "Build an index from vectors");
    auto options = std::make_shared<BuildOptions>();
    options->base.add_to(*sub);
    sub->add_option("--factory", options->factory, "Index, such as BQQ256 or PCA128,BQQ128")
            ->required();
    sub->add_option("--metric", options->metric, "l2, ip or cosine")->required();
    sub->add_option("--ids", options->ids, "Ids of the vectors: a file of one row or column");
    sub->add_option("--out", options->out, "Index file to write, - for standard output")
            ->required()
            ->transform(output_path);
    options->training.add_to(*sub);
    options->threads.add_to(*sub);
    sub->callback([options, &run] { run = [options] { return build(*options); }; });
}

} // namespace bqq::command
