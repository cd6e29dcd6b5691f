#include "command/tuned_file.h"

#include <bqq/index/search_parameters.h>
#include <bqq/version.h>

#include <nlohmann/json.hpp>

#include <fstream>
#include <stdexcept>

namespace bqq::command {

namespace {

using Json = nlohmann::ordered_json;

Json to_object(const TunedIndex& index) {
    Json search = Json::object();
    for (const auto& [name, value] : index.search) search[name] = value;
    return {{"factory", index.factory},        {"search", search},
            {"bytes_per_vector", index.bytes}, {"recall_k_at_k", index.recall},
            {"ms_per_query", index.ms},        {"qps_1_thread", 1000 / index.ms}};
}

Json to_json(const std::optional<double>& value) {
    return value ? Json(*value) : Json();
}

} // namespace

TunedFile TunedFile::read(const std::string& path) {
    std::ifstream file(path);
    if (!file) throw std::runtime_error("cannot read " + path);
    TunedFile tuned;
    try {
        const Json json = Json::parse(file);
        tuned.factory = json.at("factory").get<std::string>();
        tuned.metric = json.at("metric").get<std::string>();
        for (const auto& [name, value] : json.at("search").items())
            tuned.search.emplace_back(name, value.get<double>());
    } catch (const Json::exception& error) {
        throw std::runtime_error(path + " is no file of bqq tune: " + error.what());
    }
    return tuned;
}

void TunedFile::apply_to(faiss::Index& index) const {
    for (const auto& [name, value] : search)
        ParameterSpace().set_index_parameter(&index, name, value);
}

std::string tuned_text(
        const Tuned& tuned, const Wish& wish, const std::string& metric, size_t k, size_t n,
        size_t d) {
    Json all = to_object(tuned.measured);
    Json json{
            {"version", BQQ_VERSION},
            {"metric", metric},
            {"k", k},
            {"vectors", n},
            {"d", d},
            {"wish",
             {{"max_bytes", to_json(wish.max_bytes)},
              {"min_recall", to_json(wish.min_recall)},
              {"max_ms", to_json(wish.max_ms)}}},
            {"fulfils", tuned.fulfils},
            {"factory", all["factory"]},
            {"search", all["search"]},
            {"predicted", to_object(tuned.predicted)},
            {"measured", all},
            {"tried", Json::array()}};
    for (const TunedIndex& index : tuned.tried) json["tried"].push_back(to_object(index));
    return json.dump(2) + "\n";
}

} // namespace bqq::command
