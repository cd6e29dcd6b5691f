#include "command/arguments.h"
#include "command/commands.h"
#include "command/index_building.h"
#include "command/inputs.h"
#include "command/stopwatch.h"
#include "command/threads.h"
#include "io/atomic_file.h"

#include <bqq/index/index_io.h>

#include <algorithm>
#include <filesystem>
#include <iomanip>
#include <iostream>
#include <memory>
#include <string>

namespace bqq::command {

namespace {

struct BuildOptions {
    BaseOptions base;
    std::string factory;
    std::string metric;
    std::string out;
    TrainingOptions training;
    ThreadOption threads;
};

/// What the index is trained on.
Matrix<float> training_vectors(const BuildOptions& options, InputVectors& base) {
    // Without --train, a file of more floats than this is sampled: it need not fit in memory.
    constexpr size_t kMostFloats = size_t{1} << 28;
    size_t count = std::min(base.n(), std::max<size_t>(1, kMostFloats / base.d()));
    if (options.training.vectors)
        count = static_cast<size_t>(*options.training.vectors);
    else if (count < base.n())
        std::cerr << "bqq: training on a sample of " << count << " of " << base.n()
                  << " vectors; --train chooses another number\n";
    return count < base.n() ? base.sample(count, options.training.seed) : base.read_all();
}

int build(const BuildOptions& options) {
    const MetricChoice metric = parse_metric(options.metric);
    options.threads.check();
    check_writable(options.out);
    check_not_input(options.out, options.base.path);
    const ThreadScope threads(options.threads.count);
    InputVectors base = options.base.open({metric.type, false}); // a cosine index normalizes
    options.training.check(options.base.path, base.n());
    const auto index = make_index(options.factory, base.d(), metric, options.training.seed);

    Matrix<float> sample = training_vectors(options, base);
    const Stopwatch train_time;
    train_index(*index, sample);
    const double train_seconds = train_time.seconds();
    sample = {};
    const Stopwatch add_time;
    add_vectors(
            *index, base.n(), [&](size_t begin, size_t count) { return base.read(begin, count); });
    const double add_seconds = add_time.seconds();
    write_index(index.get(), options.out);

    // An index on standard output stays clean.
    std::error_code not_a_file;
    const bool on_stdout = std::filesystem::equivalent(options.out, "/dev/stdout", not_a_file);
    std::ostream& out = on_stdout ? std::cerr : std::cout;
    out << options.factory << ": " << index->ntotal << " vectors, d = " << index->d;
    const auto bytes = std::filesystem::file_size(options.out, not_a_file);
    out << std::fixed << std::setprecision(2);
    if (!not_a_file)
        out << ", " << static_cast<double>(bytes) / static_cast<double>(index->ntotal)
            << " bytes/vector";
    out << ", trained in " << train_seconds << " s, added in " << add_seconds << " s\n";
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
    sub->add_option("--out", options->out, "Index file to write")->required();
    options->training.add_to(*sub);
    options->threads.add_to(*sub);
    sub->callback([options, &run] { run = [options] { return build(*options); }; });
}

} // namespace bqq::command
