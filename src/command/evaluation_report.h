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
    /// @param factories  those to come, which give the first column its width
    EvaluationTable(std::ostream& out, const std::vector<std::string>& factories, size_t k);

    void add(const Evaluation& row);

private:
    std::ostream& out_;
    size_t index_width_;
};

std::string to_json(const std::vector<Evaluation>& rows);
std::string to_csv(const std::vector<Evaluation>& rows);

} // namespace bqq::command
