#pragma once

#include "command/arguments.h"
#include "command/inputs.h"
#include "io/matrix.h"

#include <faiss/Index.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace bqq::command {

/// An untrained index whose training starts from `seed`.
std::unique_ptr<faiss::Index> make_index(
        const std::string& factory, size_t d, const MetricChoice& metric, uint64_t seed);

/// Trains with a progress bar where the codec reports progress.
void train_index(faiss::Index& index, const Matrix<float>& vectors);

/** Adds all vectors with a progress bar.
 * @param ids          of the vectors; without any, a vector's id is its row
 * @param first        so many rows are in the index already
 * @param after_piece  called whenever some thousands have been added
 */
void add_vectors(
        faiss::Index& index, InputVectors& vectors, std::span<const int64_t> ids, size_t first = 0,
        const std::function<void()>& after_piece = {});
void add_vectors(faiss::Index& index, const Matrix<float>& vectors);

/// Whether vectors have ids of their own: add_with_ids() works.
bool keeps_ids(faiss::Index& index);

/// The index, in FAISS's IndexIDMap unless it keeps ids itself.
std::unique_ptr<faiss::Index> with_ids(std::unique_ptr<faiss::Index> index);

/// The ids of all vectors of an index that keeps them.
std::vector<int64_t> ids_of(faiss::Index& index);

/// The id after the largest, 0 when there is none.
int64_t next_id(std::span<const int64_t> ids);

} // namespace bqq::command
