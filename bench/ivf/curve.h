#pragma once

#include "command/measurement.h"
#include "row.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace bqq::bench {

/// The search parameters that each index is measured with.
struct Sweep {
    std::vector<int64_t> nprobe; ///< ascending; 1, 2, 4... up to half the lists when empty
    std::vector<float> k_factor; ///< ascending; of indexes with refinement, with each nprobe
    bool one_thread_only = false;
};

/// @throws std::exception  when the index cannot be made: FAISS does not know it, or it is no
/// inverted file
void check_factory(const std::string& factory, const command::Benchmark& benchmark);

/** Builds an index and measures it, with ever more lists probed until recall no longer rises.
 * @param add  called with each row
 */
void measure_curve(
        const std::string& factory, const command::Benchmark& benchmark, const Sweep& sweep,
        const std::function<void(const Row&)>& add);

} // namespace bqq::bench
