#pragma once

#include "row.h"

#include <ostream>
#include <string>
#include <vector>

namespace bqq::bench {

/// Rows on a stream as they come, those of one index below a line with its size.
class ProgressLines {
public:
    explicit ProgressLines(std::ostream& out) : out_(out) {}

    void add(const Row& row);

private:
    std::ostream& out_;
    std::string factory_; ///< of the last row
};

std::string to_json(const std::vector<Row>& rows);
std::string to_csv(const std::vector<Row>& rows);

/// Rows that to_json wrote. @throws std::runtime_error  for any other file; the message names it
std::vector<Row> read_rows(const std::string& path);

} // namespace bqq::bench
