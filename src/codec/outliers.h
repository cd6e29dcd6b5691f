#pragma once

#include <bqq/progress.h>

#include <cstddef>
#include <span>
#include <vector>

namespace bqq {

/** Vectors farther out than this would rule a training set: three times the distance that 98.5 % of
 * the vectors keep within. So at most 1.5 % are ever set aside.
 * @param squared  squared distances; those that are 0 do not count
 * @return         a squared distance, infinity where none counts
 */
double outlier_limit(std::vector<double> squared);

/** A training set without the rows that lie too far out from its median to learn from.
 *
 * Nothing is copied where all rows stay, as they do where fewer than `least` would.
 */
class TrainingRows {
public:
    /// @param x  size n * d, finite; outlives this
    TrainingRows(size_t n, const float* x, size_t d, size_t least, const Progress& progress);

    size_t size() const { return n_; }
    const float* data() const { return x_; }

private:
    size_t n_;
    const float* x_;
    std::vector<float> kept_;
};

} // namespace bqq
