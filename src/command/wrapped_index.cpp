#include "command/wrapped_index.h"

#include <cxxabi.h>
#include <faiss/IndexIDMap.h>

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

std::string index_name(faiss::Index* index) {
    std::string name = class_name(index);
    for (faiss::Index** inner = inner_index(index); inner; inner = inner_index(*inner)) {
        name += " > " + class_name(*inner);
    }
    return name;
}

} // namespace bqq::command
