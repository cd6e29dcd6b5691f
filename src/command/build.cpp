#include "base/stopwatch.h"
#include "command/arguments.h"
#include "command/build_checkpoint.h"
#include "command/commands.h"
#include "command/index_building.h"
#include "command/inputs.h"
#include "command/text_output.h"
#include "command/threads.h"
#include "command/tuned_file.h"
#include "index/error_message.h"

#include <bqq/index/index_io.h>
#include <bqq/version.h>

#include <algorithm>
#include <chrono>
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
    std::string tuned;
    std::string out;
    std::optional<std::string> checkpoint;
    double checkpoint_seconds = 60;
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

/// Size and time of the last change of an input: another file has others.
nlohmann::ordered_json describe_file(const std::string& name) {
    const std::string path = path_of(name);
    const auto changed = std::filesystem::last_write_time(path).time_since_epoch();
    return {name, std::filesystem::file_size(path),
            std::chrono::duration_cast<std::chrono::nanoseconds>(changed).count()};
}

/// All that the bytes of the index depend on.
nlohmann::ordered_json describe_build(const BuildOptions& options, const InputVectors& base) {
    const FileHints& hints = options.base.formats.hints;
    return {{"version", BQQ_VERSION},
            {"factory", options.factory},
            {"metric", options.metric},
            {"seed", options.training.seed},
            {"train", options.training.vectors.value_or(0)},
            {"base", describe_file(options.base.path)},
            {"format", {hints.format, hints.dtype, hints.member, hints.id_column}},
            {"vectors", {base.n(), base.d()}},
            {"ids", options.ids ? describe_file(*options.ids) : nlohmann::ordered_json()}};
}

/// Takes factory string and metric from the file of bqq tune, where one is given.
BuildOptions with_tuned(BuildOptions options) {
    if (!options.tuned.empty()) {
        const TunedFile tuned = TunedFile::read(options.tuned);
        options.factory = tuned.factory;
        options.metric = tuned.metric;
    }
    if (options.factory.empty() || options.metric.empty())
        throw UsageError("--factory and --metric are required, or --tuned");
    return options;
}

int build(const BuildOptions& options) {
    const MetricChoice metric = parse_metric(options.metric);
    options.threads.check();
    check_output(options.out, {options.base.path, options.ids.value_or("")});
    if (options.checkpoint && (options.base.path == "-" || options.ids == "-"))
        throw UsageError("--checkpoint needs files, standard input cannot be read again");
    const ThreadScope threads(options.threads.count);
    InputVectors base = options.base.open({metric.type, false}); // a cosine index normalizes
    options.training.check(base.name(), base.n());
    const std::vector<int64_t> ids = base.ids(options.ids, options.base.formats.hints);
    const auto seed = static_cast<uint64_t>(options.training.seed);
    auto index = make_index(options.factory, base.d(), metric, seed);
    if (!ids.empty()) index = with_ids(std::move(index));
    std::optional<BuildCheckpoint> checkpoint;
    if (options.checkpoint)
        checkpoint.emplace(
                *options.checkpoint, describe_build(options, base), options.checkpoint_seconds);

    const Stopwatch train_time;
    if (auto saved = checkpoint ? checkpoint->read() : nullptr) {
        index = std::move(saved);
        std::cerr << "bqq: going on after " << index->ntotal << " vectors of "
                  << *options.checkpoint << '\n';
    } else {
        const Matrix<float> sample = training_vectors(options, base);
        say_where(options.factory, [&] { train_index(*index, sample); });
        if (checkpoint) checkpoint->save(*index);
    }
    const double train_seconds = train_time.seconds();
    const Stopwatch add_time;
    say_where(options.factory, [&] {
        add_vectors(*index, base, ids, static_cast<size_t>(index->ntotal), [&] {
            if (checkpoint) checkpoint->save_now_and_then(*index);
        });
    });
    const double add_seconds = add_time.seconds();
    try {
        write_index(index.get(), options.out);
    } catch (...) {
        if (checkpoint) checkpoint->save(*index);
        throw;
    }
    if (checkpoint) checkpoint->remove();
    print_summary(options, *index, train_seconds, add_seconds);
    return 0;
}

} // namespace

void add_build(CLI::App& app, Run& run) {
    CLI::App* sub = app.add_subcommand("build", "Build an index from vectors");
    auto options = std::make_shared<BuildOptions>();
    options->base.add_to(*sub);
    CLI::Option* factory = sub->add_option(
            "--factory", options->factory, "Index, such as BQQ256 or PCA128,BQQ128");
    CLI::Option* metric = sub->add_option("--metric", options->metric, "l2, ip or cosine");
    sub->add_option("--tuned", options->tuned, "File of bqq tune, instead of both")
            ->excludes(factory)
            ->excludes(metric);
    sub->add_option("--ids", options->ids, "Ids of the vectors: a file of one row or column");
    sub->add_option("--out", options->out, "Index file to write, - for standard output")
            ->required()
            ->transform(output_path);
    sub->add_option(
            "--checkpoint", options->checkpoint,
            "Folder that keeps the build as far as it is: killed, it goes on from there");
    sub->add_option(
               "--checkpoint-seconds", options->checkpoint_seconds,
               "Between two saves while vectors are added")
            ->capture_default_str()
            ->check(CLI::NonNegativeNumber);
    options->training.add_to(*sub);
    options->threads.add_to(*sub);
    sub->callback([options, &run] { run = [options] { return build(with_tuned(*options)); }; });
}

} // namespace bqq::command
