#include "command/arguments.h"
#include "command/commands.h"
#include "command/index_building.h"
#include "command/inputs.h"
#include "command/stopwatch.h"
#include "command/threads.h"
#include "io/atomic_file.h"

#include <bqq/index/index_io.h>

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

int build(const BuildOptions& options) {
    const MetricChoice metric = parse_metric(options.metric);
    check_positive("--threads", options.threads.count);
    check_writable(options.out);
    const ThreadScope threads(options.threads.count);
    const Matrix<float> base = options.base.read(metric);
    options.training.check(options.base.path, base.n);
    const auto index = make_index(options.factory, base.d, metric.type, options.training.seed);

    const Stopwatch train_time;
    if (options.training.vectors) {
        const auto count = static_cast<size_t>(*options.training.vectors);
        train_index(*index, sample_rows(base, count, options.training.seed));
    } else {
        train_index(*index, base);
    }
    const double train_seconds = train_time.seconds();
    const Stopwatch add_time;
    add_vectors(*index, base);
    const double add_seconds = add_time.seconds();
    write_index(index.get(), options.out);

    std::cout << options.factory << ": " << index->ntotal << " vectors, d = " << index->d;
    std::error_code not_a_file;
    const auto bytes = std::filesystem::file_size(options.out, not_a_file);
    if (!not_a_file) {
        std::cout << std::fixed << std::setprecision(2) << ", "
                  << static_cast<double>(bytes) / static_cast<double>(index->ntotal)
                  << " bytes/vector";
    }
    std::cout << std::fixed << std::setprecision(2) << ", trained in " << train_seconds
              << " s, added in " << add_seconds << " s\n";
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
