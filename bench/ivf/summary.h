#pragma once

#include "row.h"

#include <ostream>
#include <string>
#include <vector>

namespace bqq::bench {

/// What a summary compares.
struct SummaryOptions {
    std::vector<double> levels{0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99}; ///< of recall
    /// A factory, or how a family of codes begins: "PQ" is each of IVF980,PQ49x8 and
    /// IVF980,PQ98x4fs.
    std::vector<std::string> references;
};

/** Markdown tables of the speed on one thread at equal recall, indexes with refinement apart; for
 * each reference one more, of the speed divided by that of the fastest index of the reference.
 */
void print_summary(std::ostream& out, const std::vector<Row>& rows, const SummaryOptions& options);

} // namespace bqq::bench
