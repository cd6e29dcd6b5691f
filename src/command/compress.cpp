#include "base/stopwatch.h"
#include "command/arguments.h"
#include "command/commands.h"
#include "command/inputs.h"
#include "command/matrix_description.h"
#include "command/progress_bar.h"
#include "command/text_output.h"
#include "command/threads.h"
#include "io/vector_file.h"

#include <bqq/matrix_codec.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iomanip>
#include <iostream>
#include <memory>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <system_error>

namespace bqq::command {

namespace {

struct CompressOptions {
    std::string matrix;
    std::string out;
    std::string json;
    int64_t planes = 2;
    std::optional<int64_t> rank;
    std::optional<std::string> block;
    std::string solver = "flips";
    bool joint = false;
    double effort = 1;
    int64_t seed = MatrixParameters{}.seed;
    ThreadOption threads;
};

MatrixSolver parse_solver(const std::string& name) {
    if (name == "flips") return MatrixSolver::flips;
    if (name == "amfd") return MatrixSolver::amfd;
    throw UsageError("--solver is '" + name + "', it has to be flips or amfd");
}

/// Sets the block size to that of a text such as 128x128.
void parse_block(const std::string& text, MatrixParameters& parameters) {
    const char* const end = text.data() + text.size();
    size_t m = 0;
    size_t n = 0;
    const auto rows = std::from_chars(text.data(), end, m);
    if (rows.ec == std::errc() && rows.ptr != end && *rows.ptr == 'x') {
        const auto cols = std::from_chars(rows.ptr + 1, end, n);
        if (cols.ec == std::errc() && cols.ptr == end && m > 0 && n > 0) {
            parameters.block_rows = m;
            parameters.block_cols = n;
            return;
        }
    }
    throw UsageError(
            "--block is " + text + ", it has to be ROWSxCOLS such as 128x128, both at least 1");
}

/// @throws UsageError  for a value that no matrix could be compressed with
MatrixParameters parameters_of(const CompressOptions& options) {
    check_range("--planes", options.planes, static_cast<int64_t>(MatrixCodec::kMaxPlanes));
    if (options.rank) check_positive("--rank", *options.rank);
    if (!(options.effort > 0) || std::isinf(options.effort)) {
        std::ostringstream effort;
        effort << options.effort;
        throw UsageError("--effort is " + effort.str() + ", it has to be above 0");
    }
    MatrixParameters parameters;
    parameters.planes = static_cast<size_t>(options.planes);
    if (options.rank) parameters.rank = static_cast<size_t>(*options.rank);
    if (options.block) parse_block(*options.block, parameters);
    parameters.solver = parse_solver(options.solver);
    parameters.joint = options.joint;
    parameters.effort = options.effort;
    check_seed(options.seed);
    parameters.seed = static_cast<uint64_t>(options.seed);
    return parameters;
}

double variance_of(const Matrix<float>& X) {
    const double first = X.values.front(); // as origin, so that equal entries have no variance
    double sum = 0;
    double sum_of_squares = 0;
    for (const float value : X.values) {
        sum += value - first;
        sum_of_squares += (value - first) * (value - first);
    }
    const auto count = static_cast<double>(X.values.size());
    return std::max(0.0, sum_of_squares / count - (sum / count) * (sum / count));
}

void print(const MatrixCodec& codec, double variance, double seconds) {
    const double mse = codec.mse_per_plane().back();
    std::cout << codec.rows() << " x " << codec.cols() << ", " << codec.planes()
              << (codec.planes() == 1 ? " plane: " : " planes: ") << std::fixed
              << std::setprecision(2) << codec.bits_per_entry() << " bits an entry, "
              << codec.memory_bytes() << " bytes, mse " << std::defaultfloat << std::setprecision(4)
              << mse;
    if (variance > 0) std::cout << " (relative " << mse / variance << ")";
    std::cout << std::fixed << std::setprecision(2) << ", " << seconds << " s\n";
}

int compress(const CompressOptions& options) {
    MatrixParameters parameters = parameters_of(options);
    options.threads.check();
    check_output(options.out, {options.matrix});
    check_text_path(options.json);
    const ThreadScope threads(options.threads.count);
    const Matrix<float> X = read_vectors(options.matrix);
    check_finite(X, options.matrix);

    const Stopwatch time;
    const MatrixCodec codec = [&] {
        ProgressBar bar("compressing");
        parameters.progress = bar.listener();
        return MatrixCodec::compress(X.values, X.n, X.d, parameters);
    }();
    const double seconds = time.seconds();
    codec.save(options.out);

    if (options.json != "-") print(codec, variance_of(X), seconds);
    if (!options.json.empty()) {
        nlohmann::ordered_json description = describe_matrix(codec, options.out);
        description["seconds"] = seconds;
        write_text(options.json, description.dump(2) + "\n");
    }
    return 0;
}

} // namespace

void add_compress(CLI::App& app, Run& run) {
    CLI::App* sub = app.add_subcommand("compress", "Compress a matrix");
    auto options = std::make_shared<CompressOptions>();
    sub->add_option("matrix", options->matrix, std::string("Matrix: ") + kVectorFormats)
            ->required();
    sub->add_option("--out", options->out, "Compressed matrix to write")->required();
    sub->add_option("--planes", options->planes, "Binary planes: bits an entry at the default rank")
            ->capture_default_str();
    sub->add_option("--rank", options->rank, "Rank of a plane [of an m x n block: m n / (m + n)]");
    sub->add_option(
            "--block", options->block,
            "Rows and columns that have scales of their own, such as 128x128 [whole matrix]");
    sub->add_option("--solver", options->solver, "flips or amfd")->capture_default_str();
    sub->add_flag("--joint", options->joint, "Refine all planes together: slower, smaller error");
    sub->add_option("--effort", options->effort, "Factor on the length of the annealing")
            ->capture_default_str();
    sub->add_option("--seed", options->seed, "Seed of all that is random")->capture_default_str();
    sub->add_option("--json", options->json, "JSON file to write, - for standard output [-]")
            ->expected(0, 1)
            ->default_str("-");
    options->threads.add_to(*sub);
    sub->callback([options, &run] { run = [options] { return compress(*options); }; });
}

} // namespace bqq::command
