#include "report.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <iomanip>
#include <sstream>

namespace bqq::bench {

namespace {

using Json = nlohmann::ordered_json;

} // namespace

void Table::head() {
    headed_ = true;
    out_ << "\n### " << title_ << "\n\n| method |";
    for (const int b : bits_) out_ << ' ' << b << (b == 1 ? " bit |" : " bits |");
    out_ << "\n|---|";
    for (size_t i = 0; i < bits_.size(); ++i) out_ << "---|";
    out_ << '\n';
}

void Table::add(const Row& row) {
    if (!headed_) head();
    out_ << "| " << row.method << " |" << std::fixed;
    for (const int b : bits_) {
        const auto found = std::find_if(
                row.results.begin(), row.results.end(),
                [&](const Result& result) { return result.bits == b; });
        if (found != row.results.end()) {
            out_ << ' ' << std::setprecision(2) << static_cast<double>(found->bytes) / 1000
                 << " kB, " << std::setprecision(5) << found->mse;
        }
        out_ << " |";
    }
    out_ << '\n' << std::flush;
}

std::string to_json(const std::vector<Row>& rows) {
    Json array = Json::array();
    for (const Row& row : rows) {
        for (const Result& result : row.results) {
            array.push_back(
                    {{"matrix", row.matrix},
                     {"rows", row.n},
                     {"cols", row.d},
                     {"method", row.method},
                     {"rank_scale", result.rank_scale > 0 ? Json(result.rank_scale) : Json()},
                     {"bits", result.bits},
                     {"bytes", result.bytes},
                     {"mse", result.mse},
                     {"seconds", result.seconds}});
        }
    }
    return array.dump(2) + "\n";
}

std::string to_csv(const std::vector<Row>& rows) {
    std::ostringstream text;
    text << "matrix,method,bits,bytes,mse,seconds\n";
    for (const Row& row : rows) {
        for (const Result& result : row.results) {
            text << std::quoted(row.matrix, '"', '"') << ',' << std::quoted(row.method, '"', '"')
                 << ',' << result.bits << ',' << result.bytes << ',' << result.mse << ','
                 << result.seconds << '\n';
        }
    }
    return text.str();
}

} // namespace bqq::bench
