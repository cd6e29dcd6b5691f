#pragma once

#include "io/matrix.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace bqq::bench {

struct Settings {
    std::vector<int> bits; ///< an entry, ascending
    uint64_t seed = 1234;
    double effort = 1; ///< of BQQ's solvers
};

/// One point of a method's curve.
struct Result {
    double bits = 0;       ///< an entry, that the method was given
    size_t bytes = 0;      ///< all that reconstruction needs beside rows and columns
    double mse = 0;        ///< mean squared error of the entries
    double seconds = 0;    ///< of compressing; of baselines, reconstruction included
    double rank_scale = 0; ///< of BQQ: its rank is so many times n d / (n + d); 0 for other methods
};

struct Method {
    std::string name;
    std::function<std::vector<Result>(const Matrix<float>&, const Settings&)> run;
};

/// What the paper compares BQQ with.
std::vector<Method> baseline_methods();

/// BQQ with both solvers, greedy and joint.
std::vector<Method> bqq_methods();

/** BQQ at other rank scales: 0.25, 0.5, 1.5 and 2, as in the paper. A plane takes rank_scale bits
 * an entry; there is a result for each number of planes up to the largest of the settings' bits,
 * so 1.5 gives 1.5 and 3 bits, and no result at 1, 2 and 4.
 */
std::vector<Method> rank_methods();

} // namespace bqq::bench
