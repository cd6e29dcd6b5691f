#pragma once

#include "command/arguments.h"
#include "io/matrix.h"

#include <faiss/Index.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace bqq::command {

/// An untrained index whose training starts from `seed`.
std::unique_ptr<faiss::Index> make_index(
        const std::string& factory, size_t d, const MetricChoice& metric, uint64_t seed);

/// Trains with a progress bar where the codec reports progress.
void train_index(faiss::Index& index, const Matrix<float>& vectors);

/** Adds n vectors with a progress bar; a vector's id is its row.
 * @param read  (begin, count) -> rows
 */
void add_vectors(
        faiss::Index& index, size_t n,
        const std::function<Matrix<float>(size_t begin, size_t count)>& read);

} // namespace bqq::command
