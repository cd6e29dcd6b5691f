#include "command/csv_text.h"

#include <vector>

namespace bqq::command {

namespace {

using Json = nlohmann::ordered_json;

std::string quoted(const std::string& text) {
    std::string result = "\"";
    for (const char c : text) {
        result += c;
        if (c == '"') result += c;
    }
    return result + '"';
}

std::string cell(const Json& value) {
    if (value.is_null()) return "";
    return value.is_string() ? quoted(value.get<std::string>()) : value.dump();
}

std::string joined(const std::vector<std::string>& cells) {
    std::string line;
    for (const std::string& text : cells) line += (&text == cells.data() ? "" : ",") + text;
    return line + '\n';
}

} // namespace

std::string csv_text(const Json& example, const Json& rows) {
    std::vector<std::string> names;
    for (const auto& [name, value] : example.items()) names.push_back(name);
    std::string text = joined(names);
    for (const Json& row : rows) {
        std::vector<std::string> cells;
        for (const auto& [name, value] : row.items()) cells.push_back(cell(value));
        text += joined(cells);
    }
    return text;
}

} // namespace bqq::command
