#include "index/wrapped_index.h"

#include <bqq/index/IndexBQQ.h>
#include <bqq/index/IndexIVFBQQ.h>
#include <cxxabi.h>
#include <faiss/IndexIDMap.h>
#include <faiss/IndexPreTransform.h>
#include <faiss/VectorTransform.h>

#include <cstdlib>
#include <memory>
#include <typeinfo>

namespace bqq {

namespace {

std::string class_name(const faiss::Index* index) {
    if (dynamic_cast<const faiss::IndexIDMap2*>(index)) return "IndexIDMap2";
    if (dynamic_cast<const faiss::IndexIDMap*>(index)) return "IndexIDMap";
    const char* mangled = typeid(*index).name();
    int status = 0;
    const std::unique_ptr<char, void (*)(void*)> readable(
            abi::__cxa_demangle(mangled, nullptr, nullptr, &status), std::free);
    const std::string name = readable ? readable.get() : mangled;
    const size_t space = name.rfind("::", name.find('<'));
    return space == std::string::npos ? name : name.substr(space + 2);
}

} // namespace

TrainingParameters* find_training(faiss::Index& index) {
    if (auto* flat = find_index<IndexBQQ>(&index)) return &flat->training;
    if (auto* ivf = find_index<IndexIVFBQQ>(&index)) return &ivf->training;
    return nullptr;
}

std::unique_ptr<faiss::Index> cosine_index(std::unique_ptr<faiss::Index> index) {
    auto norm = std::make_unique<faiss::NormalizationTransform>(index->d, 2.0f);
    auto cosine = std::make_unique<faiss::IndexPreTransform>(norm.get(), index.get());
    cosine->own_fields = true; // of both
    (void)norm.release();
    (void)index.release();
    return cosine;
}

std::string metric_name(const faiss::Index& index) {
    if (index.metric_type == faiss::METRIC_L2) return "l2";
    if (index.metric_type != faiss::METRIC_INNER_PRODUCT) return "other";
    const auto* transforms = dynamic_cast<const faiss::IndexPreTransform*>(&index);
    if (transforms == nullptr || transforms->chain.empty()) return "ip";
    const auto* norm =
            dynamic_cast<const faiss::NormalizationTransform*>(transforms->chain.front());
    return norm != nullptr && norm->norm == 2 ? "cosine" : "ip";
}

std::string index_name(faiss::Index* index) {
    std::string name = class_name(index);
    for (faiss::Index** inner = inner_index(index); inner; inner = inner_index(*inner)) {
        name += " > " + class_name(*inner);
    }
    return name;
}

} // namespace bqq
