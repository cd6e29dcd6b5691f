#pragma once

#include <faiss/Index.h>

#include <string>

namespace bqq::command {

/// The index that a wrapper (transform, id map, refinement) hands its vectors to, else nullptr.
faiss::Index* inner_index(const faiss::Index* index);

/// The outermost T among an index and those inside it, nullptr when there is none.
template <class T>
T* find_index(faiss::Index* index) {
    for (; index != nullptr; index = inner_index(index)) {
        if (auto* found = dynamic_cast<T*>(index)) return found;
    }
    return nullptr;
}

/// The classes from the outside in: "IndexPreTransform > IndexBQQ".
std::string index_name(const faiss::Index* index);

} // namespace bqq::command
