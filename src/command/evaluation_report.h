#pragma once

#include "command/evaluation.h"

#include <cstddef>
#include <ostream>
#include <string>
#include <vector>

namespace bqq::command {

/// A table on a stream whose rows are printed one by one.
class EvaluationTable {
public:
    /// @param index_width  characters of the first column
    EvaluationTable(std::ostream& out, size_t index_width, size_t k);

    void add(const Evaluation& row);

private:
    std::ostream& out_;
    size_t index_width_;
};

std::string to_json(const std::vector<Evaluation>& rows);
std::string to_csv(const std::vector<Evaluation>& rows);

} // namespace bqq::command
