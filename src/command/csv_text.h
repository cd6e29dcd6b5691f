#pragma once

#include <nlohmann/json.hpp>

#include <string>

namespace bqq::command {

/** A table as comma-separated values; texts are quoted, null is an empty cell.
 * @param example  an object with the keys of all rows, which name the columns
 * @param rows     an array of objects
 */
std::string csv_text(const nlohmann::ordered_json& example, const nlohmann::ordered_json& rows);

} // namespace bqq::command
