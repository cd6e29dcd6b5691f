#include "command/arguments.h"
#include "command/commands.h"
#include "command/inputs.h"
#include "command/progress_bar.h"
#include "command/text_output.h"
#include "command/threads.h"
#include "command/tuned_file.h"

#include <bqq/index/tune.h>

#include <algorithm>
#include <iomanip>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace bqq::command {

namespace {

constexpr size_t kMostQueries = 1000;

struct TuneOptions {
    BaseOptions base;
    std::string queries;
    std::string metric;
    Wish wish;
    int64_t k = 10;
    int64_t seed = 1234;
    std::optional<double> seconds; ///< else by the size of the base
    std::string out = "tuned.json";
    ThreadOption threads;
};

void check(const TuneOptions& options) {
    check_range("--k", options.k, kMostNeighbours);
    check_seed(options.seed);
    options.threads.check();
    check_text_path(options.out);
    const Wish& wish = options.wish;
    if (!wish.max_bytes && !wish.min_recall && !wish.max_ms)
        throw UsageError("what is wanted? --max-bytes, --min-recall or --max-ms, one or several");
}

/// Takes queries out of the base, at most a tenth.
Matrix<float> hold_out(Matrix<float>& base, uint64_t seed) {
    const size_t count = std::min(kMostQueries, base.n / 10);
    std::vector<size_t> rows = sample_of(base.n, count, seed);
    Matrix<float> queries{count, base.d, {}};
    Matrix<float> rest{base.n - count, base.d, {}};
    rest.values.reserve(rest.n * rest.d);
    auto next = rows.begin();
    for (size_t i = 0; i < base.n; ++i) {
        const bool out = next != rows.end() && *next == i;
        if (out) ++next;
        auto& to = out ? queries.values : rest.values;
        to.insert(to.end(), base.row(i), base.row(i) + base.d);
    }
    base = std::move(rest);
    return queries;
}

/// Rows that are printed as they come, below a head.
class Table {
public:
    Table(std::ostream& out, int64_t k) : out_(out), k_(std::to_string(k)) {}

    void add(const TunedIndex& index, const std::string& remark = "") {
        if (!headed_)
            out_ << std::left << std::setw(kWidth) << "index" << std::right << std::setw(14)
                 << "bytes/vector" << std::setw(14) << k_ + "-recall@" + k_ << std::setw(10) << "ms"
                 << '\n';
        headed_ = true;
        out_ << std::left << std::setw(kWidth) << index.text() << std::right << std::fixed
             << std::setprecision(2) << std::setw(14) << index.bytes << std::setprecision(4)
             << std::setw(14) << index.recall << std::setw(10) << index.ms << remark << '\n'
             << std::flush;
    }

private:
    static constexpr int kWidth = 40;
    std::ostream& out_;
    std::string k_;
    bool headed_ = false;
};

bool is_beaten(const TunedIndex& index, const std::vector<TunedIndex>& all) {
    return std::ranges::any_of(all, [&](const TunedIndex& other) {
        return other.bytes <= index.bytes && other.recall >= index.recall && other.ms <= index.ms &&
               (other.bytes < index.bytes || other.recall > index.recall || other.ms < index.ms);
    });
}

int tune(const TuneOptions& options) {
    check(options);
    const MetricChoice metric = parse_metric(options.metric);
    const ThreadScope threads(options.threads.count);
    const auto seed = static_cast<uint64_t>(options.seed);
    Matrix<float> base = options.base.open(metric).read_all();
    const Matrix<float> queries = options.queries.empty()
                                          ? hold_out(base, seed)
                                          : read_inputs(
                                                    options.queries, metric, kMostQueries,
                                                    options.base.formats.with_member("test"));
    check_same_dimension(
            options.queries.empty() ? options.base.path : options.queries, queries.d,
            options.base.path, base.d);

    std::ostream& out = options.out == "-" ? std::cerr : std::cout;
    Tuned tuned;
    {
        ProgressBar bar("tuning");
        Table table(out, options.k);
        TuneParameters parameters;
        parameters.k = static_cast<size_t>(options.k);
        parameters.seed = seed;
        // Reading, the last build and its measurement come on top.
        constexpr double kLarge = 1e8;
        const auto numbers = static_cast<double>(base.n * base.d);
        parameters.seconds = options.seconds.value_or(numbers < kLarge ? 150 : 400);
        parameters.progress = bar.listener();
        parameters.tried = [&](const TunedIndex& index) {
            bar.clear();
            table.add(index);
        };
        tuned = bqq::tune(
                static_cast<int>(base.d), metric.type, static_cast<int64_t>(base.n),
                base.values.data(), static_cast<int64_t>(queries.n), queries.values.data(),
                options.wish, parameters);
    }
    std::ranges::sort(tuned.tried, {}, [](const TunedIndex& index) {
        return std::pair(index.bytes, index.recall);
    });
    out << "\nNone of those tried is better in all of bytes, recall and time than these:\n";
    Table front(out, options.k);
    for (const TunedIndex& index : tuned.tried)
        if (!is_beaten(index, tuned.tried)) front.add(index);
    out << "\nThe choice, predicted and measured on all " << base.n << " vectors:\n";
    Table choice(out, options.k);
    choice.add(tuned.predicted, "  predicted");
    choice.add(tuned.measured, "  measured");
    if (!tuned.fulfils)
        out << "No index that was tried is what is wished for; this comes nearest.\n";
    write_text(
            options.out, tuned_text(
                                 tuned, options.wish, options.metric,
                                 static_cast<size_t>(options.k), base.n, base.d));
    if (options.out != "-")
        out << "\nbqq build --tuned " << options.out << " --base " << options.base.path
            << " --out index.bqq\nbqq search --tuned " << options.out
            << " --index index.bqq --queries ... --k " << options.k << '\n';
    return tuned.fulfils ? 0 : 1;
}

} // namespace

void add_tune(CLI::App& app, Run& run) {
    CLI::App* sub = app.add_subcommand(
            "tune", "Choose an index for bytes a vector, recall or time a query");
    auto options = std::make_shared<TuneOptions>();
    options->base.add_to(*sub);
    sub->add_option(
            "--queries", options->queries,
            std::string("Vectors, the first 1,000 count [held out of the base]: ") +
                    kVectorFormats);
    sub->add_option("--metric", options->metric, "l2, ip or cosine")->required();
    sub->add_option("--max-bytes", options->wish.max_bytes, "Of the index file, for each vector");
    sub->add_option("--min-recall", options->wish.min_recall, "k-recall@k, such as 0.95");
    sub->add_option("--max-ms", options->wish.max_ms, "Milliseconds of a query, with one thread");
    sub->add_option("--k", options->k, "Neighbours of each query")->capture_default_str();
    sub->add_option(
            "--seconds", options->seconds,
            "After which nothing new is tried [150, for more than 10^8 numbers 400]");
    sub->add_option("--seed", options->seed, "Of all that is random")->capture_default_str();
    sub->add_option("--out", options->out, "File to write, - for standard output")
            ->capture_default_str();
    options->threads.add_to(*sub);
    sub->callback([options, &run] { run = [options] { return tune(*options); }; });
}

} // namespace bqq::command
