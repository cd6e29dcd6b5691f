#pragma once

#include "matrices.h"
#include "method.h"

#include <ostream>
#include <string>
#include <utility>
#include <vector>

namespace bqq::bench {

/// A method's results on a matrix.
struct Row {
    std::string matrix;
    size_t n = 0; ///< rows of the matrix
    size_t d = 0; ///< columns
    std::string method;
    std::vector<Result> results;
};

/** A markdown table on a stream, written row by row: kilobytes and error at each number of bits.
 * The heading comes with the first row.
 */
class Table {
public:
    Table(std::ostream& out, std::string title, std::vector<int> bits)
            : out_(out), title_(std::move(title)), bits_(std::move(bits)) {}

    /// A number of bits of which the row has no result gives an empty cell.
    void add(const Row& row);

private:
    std::ostream& out_;
    std::string title_;
    std::vector<int> bits_;
    bool headed_ = false;

    void head();
};

std::string to_json(const std::vector<Row>& rows);
std::string to_csv(const std::vector<Row>& rows);

} // namespace bqq::bench
