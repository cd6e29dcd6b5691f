#include "index_parts.h"

#include <bqq/IndexBQQ.h>
#include <faiss/IndexIDMap.h>
#include <faiss/IndexPreTransform.h>
#include <faiss/IndexRefine.h>

namespace bqq {

faiss::Index** inner_index(faiss::Index* index) {
    if (auto* transform = dynamic_cast<faiss::IndexPreTransform*>(index)) return &transform->index;
    if (auto* id_map = dynamic_cast<faiss::IndexIDMap*>(index)) return &id_map->index;
    if (auto* refine = dynamic_cast<faiss::IndexRefine*>(index)) return &refine->base_index;
    return nullptr;
}

bool contains_bqq(const faiss::Index* index) {
    for (auto* i = const_cast<faiss::Index*>(index); i != nullptr;) {
        if (dynamic_cast<IndexBQQ*>(i) != nullptr) return true;
        faiss::Index** inner = inner_index(i);
        i = inner != nullptr ? *inner : nullptr;
    }
    return false;
}

} // namespace bqq
