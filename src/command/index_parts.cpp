#include "command/index_parts.h"

#include <cxxabi.h>
#include <faiss/IndexIDMap.h>
#include <faiss/IndexPreTransform.h>
#include <faiss/IndexRefine.h>

#include <cstdlib>
#include <memory>
#include <typeinfo>

namespace bqq::command {

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

faiss::Index* inner_index(const faiss::Index* index) {
    if (auto* transform = dynamic_cast<const faiss::IndexPreTransform*>(index)) {
        return transform->index;
    }
    if (auto* id_map = dynamic_cast<const faiss::IndexIDMap*>(index)) return id_map->index;
    if (auto* refine = dynamic_cast<const faiss::IndexRefine*>(index)) return refine->base_index;
    return nullptr;
}

std::string index_name(const faiss::Index* index) {
    std::string name = class_name(index);
    for (index = inner_index(index); index != nullptr; index = inner_index(index)) {
        name += " > " + class_name(index);
    }
    return name;
}

} // namespace bqq::command
