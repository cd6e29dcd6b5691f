#pragma once

#include <faiss/Index.h>

namespace bqq {

/// Where a wrapper of FAISS (transform, id map, refinement) keeps the index it hands vectors to, else nullptr.
faiss::Index** inner_index(faiss::Index* index);

/// Whether an index or one inside its wrappers is ours.
bool contains_bqq(const faiss::Index* index);

} // namespace bqq
