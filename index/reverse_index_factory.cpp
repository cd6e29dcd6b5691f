#include <bqq/index/IndexBQQ.h>
#include <bqq/index/IndexIVFBQQ.h>
#include <bqq/index/index_factory.h>

#include "index/wrappers.h"

#include <faiss/IndexFlat.h>
#include <faiss/IndexHNSW.h>
#include <faiss/IndexScalarQuantizer.h>
#include <faiss/impl/FaissAssert.h>
#if __has_include(<faiss/factory_tools.h>)
#include <faiss/factory_tools.h>
#endif

#include <string>
#include <typeinfo>
#include <vector>

namespace bqq {

namespace {

std::string code_name(const Quantizer& codec) {
    std::string name = "BQQ" + std::to_string(codec.M());
    if (codec.wanted_depth()) name += "z" + std::to_string(*codec.wanted_depth());
    if (codec.wanted_atoms()) name += *codec.wanted_atoms() == Atoms::tied ? "t" : "f";
    if (codec.wanted_bases() == 1) return name;
    // "g" where train() chose the number, so that it chooses again.
    return name + "g" + (codec.wanted_bases() ? std::to_string(*codec.wanted_bases()) : "");
}

/// The string of an index of FAISS's; empty if there is none.
std::string faiss_name(const faiss::Index& index) {
    std::string name;
#if __has_include(<faiss/factory_tools.h>)
    name = faiss::reverse_index_factory(&index);
#else
    if (dynamic_cast<const faiss::IndexFlat*>(&index) != nullptr) name = "Flat";
    if (const auto* sq = dynamic_cast<const faiss::IndexScalarQuantizer*>(&index)) {
        switch (sq->sq.qtype) {
            case faiss::ScalarQuantizer::QT_4bit:
                name = "SQ4";
                break;
            case faiss::ScalarQuantizer::QT_6bit:
                name = "SQ6";
                break;
            case faiss::ScalarQuantizer::QT_8bit:
                name = "SQ8";
                break;
            case faiss::ScalarQuantizer::QT_fp16:
                name = "SQfp16";
                break;
            default:
                break;
        }
    }
#endif
    return name;
}

std::string ivf_name(const IndexIVFBQQ& index) {
    std::string name = "IVF" + std::to_string(index.nlist);
    if (const auto* hnsw = dynamic_cast<const faiss::IndexHNSW*>(index.quantizer))
        name += "_HNSW" + std::to_string(hnsw->hnsw.nb_neighbors(1));
    else if (dynamic_cast<const faiss::IndexFlat*>(index.quantizer) == nullptr)
        name += "(" + bqq::reverse_index_factory(index.quantizer) + ")";
    return name + "," + code_name(index.codec());
}

} // namespace

std::string reverse_index_factory(const faiss::Index* index) {
    FAISS_THROW_IF_NOT_MSG(index != nullptr, "BQQ: reverse_index_factory() of a null index");
    if (const auto* flat = dynamic_cast<const IndexBQQ*>(index)) return code_name(flat->codec());
    if (const auto* ivf = dynamic_cast<const IndexIVFBQQ*>(index)) return ivf_name(*ivf);
    std::string name;
    if (const Wrapper* wrapper = find_wrapper(*index)) {
        std::vector<std::string> parts;
        for (const faiss::Index* part : wrapper->parts(*index))
            parts.push_back(bqq::reverse_index_factory(part));
        name = wrapper->name(*index, parts);
    } else {
        name = faiss_name(*index);
    }
    FAISS_THROW_IF_NOT_FMT(
            !name.empty(), "BQQ: no factory string for an index of class %s",
            faiss::demangle_cpp_symbol(typeid(*index).name()).c_str());
    return name;
}

} // namespace bqq
