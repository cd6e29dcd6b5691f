#include "report.h"

#include "command/csv_text.h"

#include <nlohmann/json.hpp>

#include <fstream>
#include <iomanip>
#include <stdexcept>

namespace bqq::bench {

namespace {

using Json = nlohmann::ordered_json;

template <class T>
Json value_or_null(const std::optional<T>& value) {
    return value ? Json(*value) : Json();
}

template <class T>
std::optional<T> optional_value(const Json& value) {
    return value.is_null() ? std::nullopt : std::optional(value.get<T>());
}

Json to_object(const Row& row) {
    return {{"factory", row.factory},
            {"bytes", row.bytes},
            {"shared_bytes", row.shared_bytes},
            {"train_seconds", row.train_seconds},
            {"add_seconds", row.add_seconds},
            {"k", row.k},
            {"nprobe", row.nprobe},
            {"k_factor", value_or_null(row.k_factor)},
            {"recall", row.recall},
            {"qps_1_thread", row.qps_1_thread},
            {"qps_all_threads", value_or_null(row.qps_all_threads)},
            {"codes_per_query", row.codes_per_query}};
}

Row to_row(const Json& object) {
    Row row;
    row.factory = object.at("factory").get<std::string>();
    row.bytes = object.at("bytes").get<double>();
    row.shared_bytes = object.at("shared_bytes").get<double>();
    row.train_seconds = object.at("train_seconds").get<double>();
    row.add_seconds = object.at("add_seconds").get<double>();
    row.k = object.at("k").get<size_t>();
    row.nprobe = object.at("nprobe").get<int64_t>();
    row.k_factor = optional_value<float>(object.at("k_factor"));
    row.recall = object.at("recall").get<double>();
    row.qps_1_thread = object.at("qps_1_thread").get<double>();
    row.qps_all_threads = optional_value<double>(object.at("qps_all_threads"));
    row.codes_per_query = object.at("codes_per_query").get<double>();
    return row;
}

Json to_array(const std::vector<Row>& rows) {
    Json array = Json::array();
    for (const Row& row : rows) array.push_back(to_object(row));
    return array;
}

} // namespace

void ProgressLines::add(const Row& row) {
    out_ << std::fixed;
    if (row.factory != factory_) {
        factory_ = row.factory;
        out_ << factory_ << ": " << std::setprecision(2) << row.bytes << " bytes a vector, "
             << row.shared_bytes << " of them shared, trained in " << row.train_seconds
             << " s, added in " << row.add_seconds << " s\n";
    }
    out_ << "  nprobe " << std::setw(5) << row.nprobe;
    if (row.k_factor)
        out_ << "  k_factor " << std::setw(3) << std::setprecision(0) << *row.k_factor;
    out_ << "  recall " << std::setprecision(4) << row.recall << std::setprecision(0) << "  QPS "
         << std::setw(8) << row.qps_1_thread;
    if (row.qps_all_threads) out_ << " all threads " << std::setw(8) << *row.qps_all_threads;
    out_ << "  codes " << row.codes_per_query << '\n' << std::flush;
}

std::string to_json(const std::vector<Row>& rows) {
    return to_array(rows).dump(2) + "\n";
}

std::string to_csv(const std::vector<Row>& rows) {
    return command::csv_text(to_object({}), to_array(rows));
}

std::vector<Row> read_rows(const std::string& path) {
    std::ifstream file(path);
    if (!file) throw std::runtime_error("cannot read " + path);
    try {
        std::vector<Row> rows;
        for (const Json& object : Json::parse(file)) rows.push_back(to_row(object));
        return rows;
    } catch (const Json::exception& error) {
        throw std::runtime_error(path + ": " + error.what());
    }
}

} // namespace bqq::bench
