#pragma once

#include "io/matrix.h"

#include <faiss/Index.h>

#include <cstdint>
#include <memory>
#include <string>

namespace bqq::command {

/// An untrained index whose training starts from `seed`.
std::unique_ptr<faiss::Index> make_index(
        const std::string& factory, size_t d, faiss::MetricType metric, uint64_t seed);

/// Trains with a progress bar where the codec reports progress.
void train_index(faiss::Index& index, const Matrix<float>& vectors);

/// Adds all vectors with a progress bar; a vector's id is its row.
void add_vectors(faiss::Index& index, const Matrix<float>& vectors);

} // namespace bqq::command
