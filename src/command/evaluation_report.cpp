#include "command/evaluation_report.h"

#include "command/csv_text.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <iomanip>

namespace bqq::command {

namespace {

using Json = nlohmann::ordered_json;

struct Column {
    int width; ///< with the space before it
    int digits;
};

constexpr Column bytes_column{13, 2};
constexpr Column shared_column{9, 2};
constexpr Column recall_column{15, 4};
constexpr Column seconds_column{10, 2};
constexpr Column speed_column{15, 0};

void print(std::ostream& out, Column column, double value) {
    out << std::setw(column.width) << std::setprecision(column.digits) << value;
}

Json to_object(const Evaluation& row) {
    return {{"index", row.index},
            {"search", row.search},
            {"vectors", row.vectors},
            {"bytes_per_vector", row.bytes_per_vector},
            {"shared_bytes_per_vector", row.shared_bytes_per_vector},
            {"resident_bytes_per_vector", row.resident_bytes_per_vector},
            {"recall_1_at_1", row.recall_1_at_1},
            {"recall_k_at_k", row.recall_k_at_k},
            {"k", row.k},
            {"train_seconds", row.train_seconds},
            {"add_seconds", row.add_seconds},
            {"qps_1_thread", row.qps_1_thread},
            {"qps_all_threads", row.qps_all_threads}};
}

Json to_array(const std::vector<Evaluation>& rows) {
    Json array = Json::array();
    for (const Evaluation& row : rows) array.push_back(to_object(row));
    return array;
}

} // namespace

EvaluationTable::EvaluationTable(std::ostream& out, size_t index_width, size_t k)
        : out_(out), index_width_(std::max(index_width, std::string("index").size())) {
    const std::string k_text = std::to_string(k);
    out_ << std::left << std::setw(static_cast<int>(index_width_)) << "index" << std::right
         << std::setw(bytes_column.width) << "bytes/vector" << std::setw(shared_column.width)
         << "shared" << std::setw(bytes_column.width) << "resident"
         << std::setw(recall_column.width) << "1-recall@1" << std::setw(recall_column.width)
         << k_text + "-recall@" + k_text << std::setw(seconds_column.width) << "train s"
         << std::setw(seconds_column.width) << "add s" << std::setw(speed_column.width)
         << "QPS 1 thread" << std::setw(speed_column.width) << "QPS all" << '\n'
         << std::flush;
}

void EvaluationTable::add(const Evaluation& row) {
    out_ << std::left << std::setw(static_cast<int>(index_width_))
         << (row.search.empty() ? row.index : row.index + " " + row.search) << std::right
         << std::fixed;
    print(out_, bytes_column, row.bytes_per_vector);
    print(out_, shared_column, row.shared_bytes_per_vector);
    print(out_, bytes_column, row.resident_bytes_per_vector);
    print(out_, recall_column, row.recall_1_at_1);
    print(out_, recall_column, row.recall_k_at_k);
    print(out_, seconds_column, row.train_seconds);
    print(out_, seconds_column, row.add_seconds);
    print(out_, speed_column, row.qps_1_thread);
    print(out_, speed_column, row.qps_all_threads);
    out_ << '\n' << std::flush;
}

std::string to_json(const std::vector<Evaluation>& rows) {
    return to_array(rows).dump(2) + "\n";
}

std::string to_csv(const std::vector<Evaluation>& rows) {
    return csv_text(to_object({}), to_array(rows));
}

} // namespace bqq::command
