#include "command/arguments.h"
#include "command/commands.h"
#include "command/inputs.h"
#include "command/progress_bar.h"
#include "command/search_knobs.h"
#include "command/text_output.h"
#include "command/threads.h"
#include "index/wrapped_index.h"

#include <bqq/index/diagnose.h>
#include <bqq/index/index_io.h>
#include <faiss/index_io.h>

#include <nlohmann/json.hpp>

#include <cmath>
#include <iostream>
#include <memory>
#include <optional>
#include <string>

namespace bqq::command {

namespace {

struct DiagnoseOptions {
    BaseOptions base;
    std::string queries;
    std::string index;
    std::string metric;
    SearchKnobOptions knobs;
    int64_t k = 10;
    int64_t seed = 1234;
    std::string json;
    ThreadOption threads;
};

using DiagnosisJson = nlohmann::ordered_json;

/// NaN is null, as of codes that are not ours.
DiagnosisJson number(double value) {
    return std::isfinite(value) ? DiagnosisJson(value) : DiagnosisJson();
}

DiagnosisJson to_json(const std::vector<Measure>& measures) {
    DiagnosisJson json;
    for (const Measure& measure : measures) json[measure.name] = number(measure.value);
    return json;
}

DiagnosisJson to_json(const Diagnosis& diagnosis) {
    DiagnosisJson json{{"k", diagnosis.k}, {"vectors", to_json(diagnosis.vector_measures())}};
    json["vectors"]["spectrum"] = diagnosis.vectors.spectrum;
    if (diagnosis.queries) json["queries"] = to_json(diagnosis.query_measures());
    json["coding"] = DiagnosisJson::array();
    for (const CodingDiagnosis& point : diagnosis.coding)
        json["coding"].push_back(
                {{"bits", point.bits},
                 {"bytes", point.bytes},
                 {"error", point.error},
                 {"shannon", point.shannon},
                 {"recall", point.recall}});
    if (diagnosis.index) {
        json["index"] = to_json(diagnosis.index_measures());
        for (const RecallLoss& loss : diagnosis.index->losses)
            json["index"]["losses"].push_back(
                    {{"part", loss.part},
                     {"recall", loss.recall},
                     {"knob", loss.knob},
                     {"value", loss.value},
                     {"enough", loss.enough}});
    }
    json["findings"] = DiagnosisJson::array();
    for (const Finding& finding : diagnosis.findings)
        json["findings"].push_back({{"what", finding.what}, {"knob", finding.knob}});
    return json;
}

/// The metric of the option, or of the index.
MetricChoice metric_of(const DiagnoseOptions& options, const faiss::Index* index) {
    std::optional<std::string> metric;
    if (!options.metric.empty()) metric = options.metric;
    if (index == nullptr) {
        if (!metric) throw UsageError("--metric is missing: l2, ip or cosine");
        return parse_metric(*metric);
    }
    check_metric(metric, options.index, *index);
    return parse_metric(metric.value_or(metric_name(*index)));
}

int diagnose(const DiagnoseOptions& options) {
    check_range("--k", options.k, kMostNeighbours);
    check_seed(options.seed);
    options.knobs.check();
    options.threads.check();
    check_text_path(options.json);
    const ThreadScope threads(options.threads.count);
    std::unique_ptr<faiss::Index> index;
    if (!options.index.empty()) {
        index = read_index(options.index, faiss::IO_FLAG_READ_ONLY);
        options.knobs.single().apply_to(*index, options.index);
    }
    const MetricChoice metric = metric_of(options, index.get());
    const Matrix<float> base = options.base.open(metric).read_all();
    Matrix<float> queries{0, base.d, {}};
    if (!options.queries.empty()) {
        queries = read_inputs(
                options.queries, metric, all_rows, options.base.formats.with_member("test"));
        check_same_dimension(options.queries, queries.d, options.base.path, base.d);
    }
    Diagnosis diagnosis;
    {
        ProgressBar bar("diagnosing");
        DiagnoseParameters parameters;
        parameters.k = static_cast<size_t>(options.k);
        parameters.seed = static_cast<uint64_t>(options.seed);
        parameters.progress = bar.listener();
        diagnosis = bqq::diagnose(
                static_cast<int>(base.d), metric.type, static_cast<int64_t>(base.n),
                base.values.data(), static_cast<int64_t>(queries.n), queries.values.data(),
                index.get(), parameters);
    }
    if (options.json != "-") std::cout << diagnosis.text();
    if (!options.json.empty()) write_text(options.json, to_json(diagnosis).dump(2) + "\n");
    return 0;
}

} // namespace

void add_diagnose(CLI::App& app, Run& run) {
    CLI::App* sub = app.add_subcommand(
            "diagnose", "Tell what limits the recall of vectors, queries and an index");
    auto options = std::make_shared<DiagnoseOptions>();
    options->base.add_to(*sub);
    sub->add_option(
            "--queries", options->queries,
            std::string("Vectors, the first 1,000 count [rows of the base, each searched for "
                        "others]: ") +
                    kVectorFormats);
    sub->add_option(
            "--index", options->index,
            "Index of the base: its ids are the rows [only the vectors]");
    sub->add_option("--metric", options->metric, "l2, ip or cosine [that of the index]");
    options->knobs.add_to(*sub, false);
    sub->add_option("--k", options->k, "Neighbours of each query, at most 100")
            ->capture_default_str();
    sub->add_option("--seed", options->seed, "Of all that is random")->capture_default_str();
    sub->add_option("--json", options->json, "JSON file to write, - for standard output [-]")
            ->expected(0, 1)
            ->default_str("-");
    options->threads.add_to(*sub);
    sub->callback([options, &run] { run = [options] { return diagnose(*options); }; });
}

} // namespace bqq::command
