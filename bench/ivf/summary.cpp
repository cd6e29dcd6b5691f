#include "summary.h"

#include "front.h"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <map>
#include <optional>
#include <sstream>

namespace bqq::bench {

namespace {

/// A column of the tables.
struct Column {
    std::string factory;
    double bytes;
    Front front;
};

std::vector<Column> columns_of(const std::vector<Row>& rows, bool refined) {
    std::vector<Row> firsts;
    std::map<std::string, std::vector<Point>> points;
    for (const Row& row : rows) {
        if (row.k_factor.has_value() != refined) continue;
        if (!points.contains(row.factory)) firsts.push_back(row);
        points[row.factory].push_back({row.recall, row.qps_1_thread});
    }
    std::vector<Column> columns;
    for (const Row& row : firsts) {
        columns.push_back({row.factory, row.bytes, Front(points[row.factory])});
    }
    return columns;
}

/// What follows "IVF980,".
std::string code_of(const std::string& factory) {
    const size_t comma = factory.find(',', factory.find("IVF"));
    return comma == std::string::npos ? factory : factory.substr(comma + 1);
}

std::vector<Column> columns_of_reference(
        const std::vector<Column>& columns, const std::string& reference) {
    std::vector<Column> members;
    for (const Column& column : columns) {
        if (column.factory == reference) return {column};
        if (code_of(column.factory).starts_with(reference)) members.push_back(column);
    }
    return members;
}

std::optional<double> fastest(const std::vector<Column>& columns, double recall) {
    std::optional<double> best;
    for (const Column& column : columns) best = std::max(best, column.front.qps(recall));
    return best;
}

std::string number(double value, int digits) {
    std::ostringstream text;
    text << std::fixed << std::setprecision(digits) << value;
    return text.str();
}

/// @param cell  (column, recall) -> what stands there
template <class Cell>
void print_table(
        std::ostream& out, const std::string& title, const std::vector<Column>& columns,
        const std::vector<double>& levels, const Cell& cell) {
    out << "\n### " << title << "\n\n| recall |";
    for (const Column& column : columns) {
        out << " `" << column.factory << "` " << number(column.bytes, 1) << " B |";
    }
    out << "\n|---|";
    for (size_t i = 0; i < columns.size(); ++i) out << "---|";
    out << '\n';
    for (const double level : levels) {
        out << "| " << level << " |";
        for (const Column& column : columns) out << ' ' << cell(column, level) << " |";
        out << '\n';
    }
}

void print_tables(
        std::ostream& out, const std::string& kind, const std::vector<Column>& columns,
        const SummaryOptions& options) {
    print_table(
            out, "Queries a second on one thread, " + kind, columns, options.levels,
            [](const Column& column, double recall) {
                const auto qps = column.front.qps(recall);
                return qps ? number(*qps, 0) : "-";
            });
    for (const std::string& reference : options.references) {
        const std::vector<Column> members = columns_of_reference(columns, reference);
        if (members.empty()) continue;
        print_table(
                out, "Speed divided by that of the fastest " + reference + ", " + kind, columns,
                options.levels, [&](const Column& column, double recall) {
                    const auto qps = column.front.qps(recall);
                    const auto base = fastest(members, recall);
                    return qps && base ? number(*qps / *base, 2) : "-";
                });
    }
}

} // namespace

void print_summary(std::ostream& out, const std::vector<Row>& rows, const SummaryOptions& options) {
    for (const bool refined : {false, true}) {
        const std::vector<Column> columns = columns_of(rows, refined);
        if (columns.empty()) continue;
        print_tables(out, refined ? "with refinement" : "without refinement", columns, options);
    }
}

} // namespace bqq::bench
