#pragma once

#include "index/wrappers.h"

#include <bqq/quantizer.h>
#include <faiss/Index.h>

#include <memory>
#include <string>

namespace bqq {

/// The outermost T among an index and those that it wraps, nullptr when there is none.
template <class T>
T* find_index(faiss::Index* index) {
    while (true) {
        if (auto* found = dynamic_cast<T*>(index)) return found;
        faiss::Index** inner = inner_index(index);
        if (inner == nullptr) return nullptr;
        index = *inner;
    }
}

/// Where an index or what it wraps keeps the training parameters of its codes, nullptr when it has
/// other codes.
TrainingParameters* find_training(faiss::Index& index);

/// Makes an index with the inner product one of cosines: it scales all vectors to norm one.
std::unique_ptr<faiss::Index> cosine_index(std::unique_ptr<faiss::Index> index);

/// How an index compares vectors, as --metric names it; "other" for what that has no name for.
std::string metric_name(const faiss::Index& index);

/// The classes from the outside in: "IndexPreTransform > IndexBQQ".
std::string index_name(faiss::Index* index);

} // namespace bqq
