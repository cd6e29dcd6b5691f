// Recall against memory of codes that no library has, as rows of `bqq eval`: without speeds, which
// would be those of a plain loop over floats.
#include "base/stopwatch.h"
#include "command/arguments.h"
#include "command/evaluation_report.h"
#include "command/inputs.h"
#include "command/measurement.h"
#include "command/searching.h"
#include "command/text_output.h"
#include "command/threads.h"
#include "index/error_message.h"
#include "peer.h"
#include "scales.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <iomanip>
#include <iostream>
#include <numeric>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace bqq;
using namespace bqq::bench;

struct Options {
    std::string base, queries, truth, metric, json;
    std::vector<std::string> peers;
    size_t k = 10;
    size_t train = 20000;
    uint64_t seed = 1234;
    int threads = command::default_threads();
};

Rows centred(const Matrix<float>& x, const Eigen::RowVectorXf& mean) {
    const Eigen::Map<const Rows> rows(
            x.values.data(), static_cast<Eigen::Index>(x.n), static_cast<Eigen::Index>(x.d));
    return rows.rowwise() - mean;
}

/// The recall that stored scales give.
Recall recall_of(
        const Rows& products, const StoredScales& scales, const command::Benchmark& benchmark) {
    const bool l2 = benchmark.metric.type == faiss::METRIC_L2;
    const size_t k = benchmark.k;
    std::vector<int64_t> labels(benchmark.queries.n * k);
#pragma omp parallel for
    for (Eigen::Index i = 0; i < products.rows(); ++i) {
        const Eigen::ArrayXf scaled = products.row(i).transpose().array() * scales.alpha;
        const Eigen::ArrayXf keys = l2 ? Eigen::ArrayXf(scales.norms - 2 * scaled) : -scaled;
        std::vector<int64_t> order(static_cast<size_t>(keys.size()));
        std::iota(order.begin(), order.end(), int64_t{0});
        const auto last = order.begin() + static_cast<std::ptrdiff_t>(k);
        const auto nearer = [&](int64_t a, int64_t b) { return keys[a] < keys[b]; };
        std::nth_element(order.begin(), last - 1, order.end(), nearer);
        std::sort(order.begin(), last, nearer);
        std::copy(order.begin(), last, labels.begin() + static_cast<std::ptrdiff_t>(k) * i);
    }
    return command::measure_recall(labels, benchmark);
}

command::Evaluation measure(
        const std::string& name, const command::Benchmark& benchmark, const Options& options) {
    const bool l2 = benchmark.metric.type == faiss::METRIC_L2;
    const Matrix<float>& base = benchmark.base;
    const Eigen::Map<const Rows> rows(
            base.values.data(), static_cast<Eigen::Index>(base.n),
            static_cast<Eigen::Index>(base.d));
    const Eigen::RowVectorXf mean = rows.colwise().mean();
    const Rows x = rows.rowwise() - mean;
    const std::unique_ptr<Peer> peer = make_peer(name);
    command::Evaluation row;
    row.index = name;
    row.vectors = base.n;
    row.k = benchmark.k;
    const Stopwatch train_time;
    const auto stride = static_cast<Eigen::Index>(std::max<size_t>(1, base.n / options.train));
    peer->train(Rows(x(Eigen::seq(0, Eigen::last, stride), Eigen::all)), options.seed);
    row.train_seconds = train_time.seconds();
    const Stopwatch add_time;
    const Rows y = peer->reconstructed(x);
    row.add_seconds = add_time.seconds();
    row.shared_bytes_per_vector =
            (peer->shared_bytes() + 2 * static_cast<double>(base.d)) / static_cast<double>(base.n);
    row.bytes_per_vector = peer->bits() / 8 + scale_bytes(l2) + row.shared_bytes_per_vector;
    row.resident_bytes_per_vector = row.bytes_per_vector;
    // An inner product has that with the mean besides, which is the same for all.
    const Rows queries =
            centred(benchmark.queries, l2 ? mean : Eigen::RowVectorXf::Zero(mean.size()));
    const Rows products = queries * y.transpose();
    // A favour: the exponent is the best for these queries.
    for (const float exponent : {0.0f, 0.25f, 0.5f, 1.0f}) {
        const Recall recall = recall_of(products, StoredScales(x, y, exponent), benchmark);
        if (recall.all <= row.recall_k_at_k) continue;
        row.recall_1_at_1 = recall.first;
        row.recall_k_at_k = recall.all;
    }
    return row;
}

command::Benchmark prepare(const Options& options) {
    command::Benchmark benchmark;
    benchmark.metric = command::parse_metric(options.metric);
    benchmark.k = options.k;
    benchmark.queries = command::read_inputs(options.queries, benchmark.metric, all_rows);
    benchmark.base =
            command::read_inputs(options.base, benchmark.metric, all_rows, {.member = "train"});
    const Matrix<float>& base = benchmark.base;
    command::check_same_dimension(options.queries, benchmark.queries.d, options.base, base.d);
    if (options.k > base.n) throw std::runtime_error("--k is larger than the base");
    benchmark.nearest =
            options.truth.empty()
                    ? command::exact_search(
                              base, benchmark.queries, options.k, benchmark.metric.type)
                    : command::read_nearest(options.truth, benchmark.queries.n, options.k, base.n);
    return benchmark;
}

void run(const Options& options) {
    command::check_text_path(options.json);
    for (const std::string& name : options.peers) (void)make_peer(name);
    const command::ThreadScope threads(options.threads);
    const command::Benchmark benchmark = prepare(options);
    std::cout << "index        bytes/vector  shared  1-recall@1  " << options.k << "-recall@"
              << options.k << "  train s  code s\n";
    std::vector<command::Evaluation> rows;
    for (const std::string& name : options.peers) {
        const command::Evaluation row = measure(name, benchmark, options);
        std::cout << std::left << std::setw(12) << name << std::right << std::fixed
                  << std::setprecision(2) << std::setw(13) << row.bytes_per_vector << std::setw(8)
                  << row.shared_bytes_per_vector << std::setprecision(4) << std::setw(12)
                  << row.recall_1_at_1 << std::setw(14) << row.recall_k_at_k << std::setprecision(2)
                  << std::setw(9) << row.train_seconds << std::setw(8) << row.add_seconds
                  << std::endl;
        rows.push_back(row);
    }
    if (!options.json.empty()) command::write_text(options.json, command::to_json(rows));
}

} // namespace

int main(int argc, char** argv) {
    CLI::App app("Recall against memory of codes that no library has", "bqq_peers");
    Options options;
    app.add_option("--base", options.base, "Vectors")->required();
    app.add_option("--queries", options.queries, "Vectors")->required();
    app.add_option("--truth", options.truth, "True neighbours [found by exact search]");
    app.add_option("--metric", options.metric, "l2, ip or cosine")->required();
    app.add_option("--peer", options.peers, "TC1024, ASH256x2, Shannon1024; may be repeated")
            ->required();
    app.add_option("--k", options.k, "Neighbours of each query")
            ->check(CLI::PositiveNumber)
            ->capture_default_str();
    app.add_option("--train", options.train, "Vectors to train on, about")
            ->check(CLI::PositiveNumber)
            ->capture_default_str();
    app.add_option("--seed", options.seed, "Seed of the training")->capture_default_str();
    app.add_option("--threads", options.threads, "Number of threads")
            ->check(CLI::Range(1, 1024))
            ->capture_default_str();
    app.add_option("--json", options.json, "File to write, as bqq eval does");
    CLI11_PARSE(app, argc, argv);
    try {
        run(options);
        return EXIT_SUCCESS;
    } catch (const std::exception& error) {
        std::cerr << "bqq_peers: " << error_message(error) << '\n';
        return EXIT_FAILURE;
    }
}
