#include "base/heap_bytes.h"
#include "command/arguments.h"
#include "command/commands.h"
#include "command/inputs.h"
#include "command/matrix_description.h"
#include "command/text_output.h"
#include "index/coded_vectors.h"
#include "index/wrapped_index.h"

#include <bqq/index/IndexBQQ.h>
#include <bqq/index/IndexIVFBQQ.h>
#include <bqq/index/index_io.h>
#include <bqq/matrix_codec.h>
#include <faiss/index_io.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iomanip>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace bqq::command {

namespace {

using Json = nlohmann::ordered_json;

struct InfoOptions {
    std::string path;
    std::string against;
    std::string json;
    bool verify = false;
};

Json describe_codes(const Quantizer& codec, size_t code_size, const MemoryBytes& memory) {
    return {{"bits", codec.M()},           {"depth", codec.depth()},
            {"code_size", code_size},      {"bases", codec.bases()},
            {"codes_bytes", memory.codes}, {"ids_bytes", memory.ids},
            {"bases_bytes", memory.bases}, {"coarse_bytes", memory.coarse}};
}

/// Searches, which may make what all searches share.
void warm(const faiss::Index& index) {
    if (!index.is_trained || index.ntotal == 0) return;
    const std::vector<float> query(static_cast<size_t>(index.d));
    float distance = 0;
    int64_t label = 0;
    index.search(1, query.data(), 1, &distance, &label);
}

/// The coding error of vectors, beside that of the training.
Json describe_error(faiss::Index& outermost, const std::string& path, const std::string& name) {
    const Matrix<float> vectors = read_inputs(path, {});
    check_same_dimension(path, vectors.d, name, static_cast<size_t>(outermost.d));
    const auto coded =
            find_coded_vectors(outermost, static_cast<int64_t>(vectors.n), vectors.values.data());
    if (!coded) throw UsageError("--against is " + path + ", but " + name + " has no BQQ codes");
    const CodingError error = coded->error();
    Json result{{"against", path}, {"coding_error", error.of_vectors}};
    const bool known = std::isfinite(error.of_training);
    result["training_coding_error"] = known ? Json(error.of_training) : Json();
    const bool divides = known && error.of_training > 0;
    result["ratio"] = divides ? Json(error.of_vectors / error.of_training) : Json();
    return result;
}

Json describe_index(const std::string& path, const std::string& against) {
    const size_t before = heap_bytes();
    const std::unique_ptr<faiss::Index> index = read_index(path, faiss::IO_FLAG_READ_ONLY);
    warm(*index);
    const size_t resident = heap_bytes() - before;
    const auto bytes = std::filesystem::file_size(path);
    Json info{
            {"index", index_name(index.get())},
            {"d", index->d},
            {"ntotal", index->ntotal},
            {"metric", metric_name(*index)},
            {"is_trained", index->is_trained},
            {"file_bytes", bytes},
            {"resident_bytes", resident},
            {"bytes_per_vector", nullptr},
            {"resident_bytes_per_vector", nullptr}};
    if (index->ntotal > 0) {
        const auto n = static_cast<double>(index->ntotal);
        info["bytes_per_vector"] = static_cast<double>(bytes) / n;
        info["resident_bytes_per_vector"] = static_cast<double>(resident) / n;
    }
    if (const auto* flat = find_index<IndexBQQ>(index.get()))
        info["bqq"] = describe_codes(flat->codec(), flat->sa_code_size(), flat->memory_bytes());
    if (const auto* ivf = find_index<faiss::IndexIVF>(index.get())) info["nlist"] = ivf->nlist;
    if (const auto* ivf = find_index<IndexIVFBQQ>(index.get()))
        info["bqq"] = describe_codes(ivf->codec(), ivf->code_size, ivf->memory_bytes());
    if (!against.empty()) info["drift"] = describe_error(*index, against, path);
    return info;
}

/// Throws for a file that is damaged anywhere.
Json verify(const std::string& path) {
    if (MatrixCodec::is_saved_at(path))
        (void)MatrixCodec::load(path);
    else
        verify_index(path);
    return {{"file", path}, {"file_bytes", std::filesystem::file_size(path)}, {"verified", true}};
}

Json describe(const InfoOptions& options) {
    if (options.verify) return verify(options.path);
    if (!MatrixCodec::is_saved_at(options.path))
        return describe_index(options.path, options.against);
    if (!options.against.empty())
        throw UsageError(
                "--against is " + options.against + ", but " + options.path +
                " is a compressed matrix");
    return describe_matrix(MatrixCodec::load(options.path), options.path);
}

void print(const Json& info) {
    size_t width = 16;
    for (const auto& [key, value] : info.items()) width = std::max(width, key.size());
    for (const auto& [key, value] : info.items()) {
        if (value.is_object()) {
            print(value);
        } else {
            const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
            std::cout << std::left << std::setw(static_cast<int>(width) + 2) << key << text << '\n';
        }
    }
}

int info(const InfoOptions& options) {
    check_text_path(options.json);
    const Json found = describe(options);
    if (options.json != "-") print(found);
    if (!options.json.empty()) write_text(options.json, found.dump(2) + "\n");
    return 0;
}

} // namespace

void add_info(CLI::App& app, Run& run) {
    CLI::App* sub = app.add_subcommand("info", "Describe an index or a compressed matrix");
    auto options = std::make_shared<InfoOptions>();
    sub->add_option("--index,file", options->path, "Index or compressed matrix")->required();
    sub->add_option(
            "--against", options->against,
            "Vectors whose coding error is told beside that of the training: if it is much larger, "
            "train again");
    sub->add_flag(
               "--verify", options->verify,
               "Only check that the file is whole and consistent, without reading it into memory")
            ->excludes("--against");
    sub->add_option("--json", options->json, "JSON file to write, - for standard output [-]")
            ->expected(0, 1)
            ->default_str("-");
    sub->callback([options, &run] { run = [options] { return info(*options); }; });
}

} // namespace bqq::command
