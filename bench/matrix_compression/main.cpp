// Error against memory of a compressed matrix, BQQ beside what its paper compares it with.
#include "command/text_output.h"
#include "command/threads.h"
#include "index/error_message.h"
#include "matrices.h"
#include "method.h"
#include "report.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <iostream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace bqq::bench;

struct Options {
    std::vector<std::string> files;
    std::string fashion_mnist;
    bool generated = true;
    Settings settings{.bits = {1, 2, 3, 4}};
    std::vector<std::string> methods; ///< all when empty
    std::string json;
    std::string csv;
    int threads = bqq::command::default_threads();
};

void add_options(CLI::App& app, Options& options) {
    app.add_option("--matrix", options.files, "Matrix: .npy, .fvecs or .bvecs; may be repeated");
    app.add_option("--fashion-mnist", options.fashion_mnist, "File whose first 128 rows are taken");
    app.add_flag(
            "!--no-generated", options.generated, "Leave out the matrices 'random' and 'distance'");
    app.add_option("--bits", options.settings.bits, "Bits an entry, each 1 to 4")
            ->delimiter(',')
            ->check(CLI::Range(1, 4))
            ->capture_default_str();
    app.add_option(
            "--method", options.methods, "Only methods whose name begins so; may be repeated");
    app.add_option("--effort", options.settings.effort, "Factor on the length of BQQ's annealing")
            ->check(CLI::PositiveNumber)
            ->capture_default_str();
    app.add_option("--seed", options.settings.seed, "Seed of all that is random")
            ->capture_default_str();
    app.add_option("--json", options.json, "File to write, - for standard output");
    app.add_option("--csv", options.csv, "File to write, - for standard output");
    app.add_option("--threads", options.threads, "Number of threads")
            ->check(CLI::Range(1, 1024))
            ->capture_default_str();
}

std::vector<NamedMatrix> matrices_of(const Options& options) {
    std::vector<NamedMatrix> matrices;
    if (options.generated) {
        matrices.push_back(random_matrix(options.settings.seed));
        matrices.push_back(distance_matrix(options.settings.seed));
    }
    if (!options.fashion_mnist.empty()) {
        matrices.push_back(first_rows("Fashion-MNIST", options.fashion_mnist));
    }
    const auto is_taken = [&](const std::string& name) {
        return std::any_of(matrices.begin(), matrices.end(), [&](const NamedMatrix& matrix) {
            return matrix.name == name;
        });
    };
    for (const std::string& path : options.files) {
        NamedMatrix matrix = matrix_of_file(path);
        if (is_taken(matrix.name)) matrix.name = std::filesystem::path(path).filename();
        if (is_taken(matrix.name)) matrix.name = path;
        if (is_taken(matrix.name)) throw std::runtime_error(path + " is given twice");
        matrices.push_back(std::move(matrix));
    }
    if (matrices.empty()) {
        throw std::runtime_error("no matrix: give --matrix or --fashion-mnist with --no-generated");
    }
    for (NamedMatrix& matrix : matrices) standardize(matrix);
    return matrices;
}

bool is_chosen(const Options& options, const Method& method) {
    return options.methods.empty() ||
           std::any_of(
                   options.methods.begin(), options.methods.end(),
                   [&](const std::string& start) { return method.name.starts_with(start); });
}

/// Runs the chosen methods, prints their rows and appends them to `rows`.
void measure(
        const NamedMatrix& matrix, const std::vector<Method>& methods, const Options& options,
        Table& table, std::vector<Row>& rows) {
    for (const Method& method : methods) {
        if (!is_chosen(options, method)) continue;
        const std::vector<Result> results = method.run(matrix.X, options.settings);
        rows.push_back({matrix.name, matrix.X.n, matrix.X.d, method.name, results});
        table.add(rows.back());
    }
}

std::vector<Row> measure_all(const Options& options, std::ostream& out) {
    std::vector<Row> rows;
    for (const NamedMatrix& matrix : matrices_of(options)) {
        const std::string title = matrix.name + ", " + std::to_string(matrix.X.n) + " x " +
                                  std::to_string(matrix.X.d);
        Table methods(out, title, options.settings.bits);
        measure(matrix, baseline_methods(), options, methods, rows);
        measure(matrix, bqq_methods(), options, methods, rows);
        Table ranks(out, title + ": effect of the rank", options.settings.bits);
        for (const Row& row : rows) {
            if (row.matrix == matrix.name && row.method == "BQQ flips") ranks.add(row); // rank x 1
        }
        measure(matrix, rank_methods(), options, ranks, rows);
    }
    return rows;
}

void run(Options options) {
    std::vector<int>& bits = options.settings.bits;
    std::sort(bits.begin(), bits.end());
    bits.erase(std::unique(bits.begin(), bits.end()), bits.end());
    bqq::command::check_text_path(options.json);
    bqq::command::check_text_path(options.csv);
    const bqq::command::ThreadScope threads(options.threads);
    const bool file_on_stdout = options.json == "-" || options.csv == "-";
    const std::vector<Row> rows = measure_all(options, file_on_stdout ? std::cerr : std::cout);
    if (!options.json.empty()) bqq::command::write_text(options.json, to_json(rows));
    if (!options.csv.empty()) bqq::command::write_text(options.csv, to_csv(rows));
}

} // namespace

int main(int argc, char** argv) {
    CLI::App app("Error against memory of a compressed matrix", "bqq_matrix_compression");
    Options options;
    add_options(app, options);
    CLI11_PARSE(app, argc, argv);
    try {
        run(options);
        return EXIT_SUCCESS;
    } catch (const std::exception& error) {
        std::cerr << "bqq_matrix_compression: " << bqq::error_message(error) << '\n';
        return EXIT_FAILURE;
    }
}
