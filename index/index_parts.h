#pragma once

#include <faiss/IndexFlat.h>

namespace bqq {

/// Where a wrapper of FAISS (transform, id map, refinement, graph) keeps the index it hands vectors to, else nullptr.
faiss::Index** inner_index(faiss::Index* index);

/// An index that is IndexFlat, IndexFlatL2 or IndexFlatIP and no other class derived from them, else nullptr.
const faiss::IndexFlat* as_plain_flat(const faiss::Index* index);

/// Whether an index or one inside it is ours.
bool contains_bqq(const faiss::Index* index);

} // namespace bqq
