// Searches with selectors that allow a part of the vectors: what they find of the true neighbours
// that are allowed, beside a scan of all codes, and their time.
#include "command/arguments.h"
#include "command/inputs.h"
#include "command/threads.h"
#include "index/error_message.h"

#include <bqq/index/IndexIVFBQQ.h>
#include <bqq/index/index_factory.h>
#include <faiss/IndexFlat.h>
#include <faiss/IndexHNSW.h>
#include <faiss/IndexIVF.h>
#include <faiss/impl/IDSelector.h>
#include <faiss/utils/utils.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace bqq;
using bqq::command::MetricChoice;

struct Options {
    std::string base, queries, metric = "l2";
    size_t base_count = all_rows, queries_count = 500;
    std::vector<std::string> factories{
            "IVF1024,BQQ256", "IVF1024,SQ8", "HNSW32,BQQ256", "HNSW32,SQ8", "BQQ256"};
    std::vector<double> parts{1, 0.5, 0.1, 0.01, 0.001, 0.0001};
    size_t nprobe = 16;
    int ef_search = 64;
    int threads = command::default_threads();
};

constexpr idx_t kK = 10;

struct Found {
    std::vector<idx_t> labels;
    double microseconds; ///< a query, the least of several runs
};

Found search(
        const faiss::Index& index, const Matrix<float>& queries,
        const faiss::SearchParameters* params) {
    constexpr int kRuns = 3;
    Found found{std::vector<idx_t>(queries.n * kK), std::numeric_limits<double>::infinity()};
    std::vector<float> distances(found.labels.size());
    for (int run = 0; run < kRuns; ++run) {
        const double start = faiss::getmillisecs();
        index.search(
                static_cast<idx_t>(queries.n), queries.values.data(), kK, distances.data(),
                found.labels.data(), params);
        const double microseconds =
                (faiss::getmillisecs() - start) * 1000 / static_cast<double>(queries.n);
        found.microseconds = std::min(found.microseconds, microseconds);
    }
    return found;
}

/// The part of the true labels, those that are there, that was found.
double recall(const std::vector<idx_t>& found, const std::vector<idx_t>& truth) {
    size_t hits = 0, wanted = 0;
    for (size_t i = 0; i < truth.size(); ++i) {
        if (truth[i] < 0) continue;
        ++wanted;
        const auto row = found.begin() + static_cast<std::ptrdiff_t>(i / kK * kK);
        hits += std::find(row, row + kK, truth[i]) != row + kK ? 1 : 0;
    }
    return static_cast<double>(hits) / static_cast<double>(wanted);
}

/// The search parameters that the class of an index takes.
std::unique_ptr<faiss::SearchParameters> parameters(
        const faiss::Index& index, faiss::IDSelector* sel, const Options& options, bool all) {
    if (const auto* ivf = dynamic_cast<const faiss::IndexIVF*>(&index)) {
        auto result = std::make_unique<faiss::SearchParametersIVF>();
        result->nprobe = all ? ivf->nlist : options.nprobe;
        result->sel = sel;
        return result;
    }
    if (dynamic_cast<const faiss::IndexHNSW*>(&index) != nullptr) {
        auto result = std::make_unique<faiss::SearchParametersHNSW>();
        result->efSearch = options.ef_search;
        result->sel = sel;
        return result;
    }
    auto result = std::make_unique<faiss::SearchParameters>();
    result->sel = sel;
    return result;
}

void run(const Options& options) {
    const command::ThreadScope threads(options.threads);
    const MetricChoice metric = command::parse_metric(options.metric);
    const Matrix<float> queries =
            command::read_inputs(options.queries, metric, options.queries_count);
    const Matrix<float> base =
            command::read_inputs(options.base, metric, options.base_count, {.member = "train"});
    const auto n = static_cast<idx_t>(base.n);
    const auto d = static_cast<int>(base.d);
    std::printf(
            "%zu x %zu, %zu queries, k %ld, nprobe %zu, efSearch %d, %d threads, FAISS %d.%d.%d\n"
            "recall: of the true neighbours that are allowed; codes: of a scan of all codes\n"
            "%-24s %9s %7s %7s %10s\n",
            base.n, base.d, queries.n, static_cast<long>(kK), options.nprobe, options.ef_search,
            options.threads, FAISS_VERSION_MAJOR, FAISS_VERSION_MINOR, FAISS_VERSION_PATCH, "index",
            "allowed", "recall", "codes", "us/query");
    faiss::IndexFlat exact(d, metric.type);
    exact.add(n, base.values.data());
    for (const std::string& factory : options.factories) {
        const auto index = index_factory(d, factory, metric.type);
        index->train(n, base.values.data());
        index->add(n, base.values.data());
        if (auto* graph = dynamic_cast<faiss::IndexHNSW*>(index.get()))
            graph->hnsw.efSearch = options.ef_search;
        for (const double part : options.parts) {
            std::vector<idx_t> ids(base.n);
            for (idx_t i = 0; i < n; ++i) ids[static_cast<size_t>(i)] = i;
            std::shuffle(ids.begin(), ids.end(), std::mt19937_64(1));
            ids.resize(std::max<size_t>(1, static_cast<size_t>(part * static_cast<double>(n))));
            faiss::IDSelectorBatch allowed(ids.size(), ids.data());
            faiss::IDSelector* sel = part < 1 ? &allowed : nullptr;
            const auto flat = parameters(exact, sel, options, true);
            const auto truth = search(exact, queries, flat.get()).labels;
            const auto asked = parameters(*index, sel, options, false);
            const Found found = search(*index, queries, asked.get());
            // Of a graph, the codes that it is over.
            const auto* graph = dynamic_cast<const faiss::IndexHNSW*>(index.get());
            const faiss::Index& codes = graph != nullptr ? *graph->storage : *index;
            const auto whole = parameters(codes, sel, options, true);
            std::printf(
                    "%-24s %8g%% %7.4f %7.4f %10.1f\n", factory.c_str(), 100 * part,
                    recall(found.labels, truth),
                    recall(search(codes, queries, whole.get()).labels, truth), found.microseconds);
            std::fflush(stdout);
        }
    }
}

} // namespace

int main(int argc, char** argv) {
    CLI::App app("Searches with selectors that allow a part of the vectors");
    Options options;
    app.add_option("--base", options.base, "Vectors")->required();
    app.add_option("--queries", options.queries, "Vectors")->required();
    app.add_option("--metric", options.metric, "l2, ip or cosine")->capture_default_str();
    app.add_option("--base-count", options.base_count, "Only the first so many vectors [all]");
    app.add_option("--queries-count", options.queries_count, "Only the first so many")
            ->capture_default_str();
    app.add_option("--factory", options.factories, "Index; may be repeated")->capture_default_str();
    app.add_option("--part", options.parts, "Parts of the vectors that are allowed, at random")
            ->delimiter(',')
            ->capture_default_str();
    app.add_option("--nprobe", options.nprobe, "Of inverted files")->capture_default_str();
    app.add_option("--ef-search", options.ef_search, "Of graphs")->capture_default_str();
    app.add_option("--threads", options.threads, "OpenMP threads")->capture_default_str();
    CLI11_PARSE(app, argc, argv);
    try {
        run(options);
        return EXIT_SUCCESS;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "bqq_filters: %s\n", error_message(error).c_str());
        return EXIT_FAILURE;
    }
}
