#include "index/index_parts.h"

#include <bqq/index/IndexBQQ.h>
#include <bqq/index/IndexIVFBQQ.h>
#include <faiss/IndexHNSW.h>
#include <faiss/IndexIDMap.h>
#include <faiss/IndexPreTransform.h>
#include <faiss/IndexRefine.h>
#include <faiss/IndexReplicas.h>
#include <faiss/IndexShards.h>

#include <typeinfo>

namespace bqq {

faiss::Index** inner_index(faiss::Index* index) {
    if (auto* transform = dynamic_cast<faiss::IndexPreTransform*>(index)) return &transform->index;
    if (auto* id_map = dynamic_cast<faiss::IndexIDMap*>(index)) return &id_map->index;
    if (auto* refine = dynamic_cast<faiss::IndexRefine*>(index)) return &refine->base_index;
    if (auto* hnsw = dynamic_cast<faiss::IndexHNSW*>(index)) return &hnsw->storage;
    return nullptr;
}

const faiss::IndexFlat* as_plain_flat(const faiss::Index* index) {
    const auto* flat = dynamic_cast<const faiss::IndexFlat*>(index);
    if (flat == nullptr) return nullptr;
    const bool plain = typeid(*flat) == typeid(faiss::IndexFlat) ||
                       typeid(*flat) == typeid(faiss::IndexFlatL2) ||
                       typeid(*flat) == typeid(faiss::IndexFlatIP);
    return plain ? flat : nullptr;
}

bool contains_bqq(const faiss::Index* index) {
    if (index == nullptr) return false;
    if (dynamic_cast<const IndexBQQ*>(index) != nullptr) return true;
    if (dynamic_cast<const IndexIVFBQQ*>(index) != nullptr) return true;
    if (auto* refine = dynamic_cast<const faiss::IndexRefine*>(index))
        if (contains_bqq(refine->refine_index)) return true;
    const auto any_part = [](const auto& parts) {
        for (int i = 0; i < parts.count(); ++i)
            if (contains_bqq(parts.at(i))) return true;
        return false;
    };
    if (auto* shards = dynamic_cast<const faiss::IndexShards*>(index)) return any_part(*shards);
    if (auto* replicas = dynamic_cast<const faiss::IndexReplicas*>(index))
        return any_part(*replicas);
    faiss::Index** inner = inner_index(const_cast<faiss::Index*>(index));
    return inner != nullptr && contains_bqq(*inner);
}

} // namespace bqq
