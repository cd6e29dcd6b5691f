#pragma once

#include <faiss/Index.h>

#include <vector>

namespace bqq {

/// Where a wrapper of FAISS (transform, id map, refinement, graph) keeps the index it hands vectors to, else nullptr.
faiss::Index** inner_index(faiss::Index* index);

/// Whether an index or one inside it is ours.
bool contains_bqq(const faiss::Index* index);

} // namespace bqq
