#include <bqq/index/IndexBQQ.h>
#include <bqq/index/IndexIVFBQQ.h>
#include <bqq/index/index_factory.h>

#include <faiss/IndexFlat.h>
#include <faiss/IndexHNSW.h>
#include <faiss/IndexIDMap.h>
#include <faiss/IndexPreTransform.h>
#include <faiss/IndexRefine.h>
#include <faiss/IndexScalarQuantizer.h>
#include <faiss/VectorTransform.h>
#include <faiss/impl/FaissAssert.h>
#if __has_include(<faiss/factory_tools.h>)
#include <faiss/factory_tools.h>
#endif

#include <string>
#include <typeinfo>

namespace bqq {

namespace {

[[noreturn]] void unknown(const char* what, const std::type_info& type) {
    FAISS_THROW_FMT("BQQ: no factory string for %s of class %s", what, type.name());
}

std::string code_name(const Quantizer& codec) {
    std::string name = "BQQ" + std::to_string(codec.M());
    if (codec.wanted_depth()) name += "z" + std::to_string(*codec.wanted_depth());
    if (codec.wanted_bases() == 1) return name;
    // What was left to train() is left to it again, as for an index that is not trained.
    return name + "g" + (codec.wanted_bases() ? std::to_string(*codec.wanted_bases()) : "");
}

std::string hnsw_name(const faiss::IndexHNSW& index) {
    return "HNSW" + std::to_string(index.hnsw.nb_neighbors(1));
}

std::string transform_name(const faiss::VectorTransform& transform) {
    const std::string d_out = std::to_string(transform.d_out);
    if (const auto* pca = dynamic_cast<const faiss::PCAMatrix*>(&transform)) {
        std::string name = "PCA";
        if (pca->eigen_power == -0.5f) name += "W";
        if (pca->random_rotation) name += "R";
        return name + d_out;
    }
    if (const auto* opq = dynamic_cast<const faiss::OPQMatrix*>(&transform))
        return "OPQ" + std::to_string(opq->M) + "_" + d_out;
    if (dynamic_cast<const faiss::ITQTransform*>(&transform) != nullptr) return "ITQ" + d_out;
    if (dynamic_cast<const faiss::RandomRotationMatrix*>(&transform) != nullptr)
        return "RR" + d_out;
    if (const auto* norm = dynamic_cast<const faiss::NormalizationTransform*>(&transform);
        norm != nullptr && norm->norm == 2)
        return "L2norm";
    if (dynamic_cast<const faiss::RemapDimensionsTransform*>(&transform) != nullptr)
        return "Pad" + d_out;
    unknown("a transform", typeid(transform));
}

/// FAISS's own, by FAISS where it has a function for that.
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
    if (name.empty()) unknown("an index", typeid(index));
    return name;
}

std::string ivf_name(const IndexIVFBQQ& index) {
    std::string name = "IVF" + std::to_string(index.nlist);
    if (const auto* hnsw = dynamic_cast<const faiss::IndexHNSW*>(index.quantizer))
        name += "_" + hnsw_name(*hnsw);
    else if (dynamic_cast<const faiss::IndexFlat*>(index.quantizer) == nullptr)
        name += "(" + bqq::reverse_index_factory(index.quantizer) + ")";
    return name + "," + code_name(index.codec());
}

} // namespace

std::string reverse_index_factory(const faiss::Index* index) {
    FAISS_THROW_IF_NOT_MSG(index != nullptr, "BQQ: reverse_index_factory() of a null index");
    if (const auto* flat = dynamic_cast<const IndexBQQ*>(index))
        return code_name(flat->codec());
    if (const auto* ivf = dynamic_cast<const IndexIVFBQQ*>(index)) return ivf_name(*ivf);
    if (const auto* transform = dynamic_cast<const faiss::IndexPreTransform*>(index)) {
        std::string name;
        for (const faiss::VectorTransform* step : transform->chain)
            name += transform_name(*step) + ",";
        return name + bqq::reverse_index_factory(transform->index);
    }
    if (const auto* map = dynamic_cast<const faiss::IndexIDMap*>(index)) {
        const bool both_ways = dynamic_cast<const faiss::IndexIDMap2*>(index) != nullptr;
        return std::string(both_ways ? "IDMap2," : "IDMap,") +
               bqq::reverse_index_factory(map->index);
    }
    if (const auto* refine = dynamic_cast<const faiss::IndexRefine*>(index)) {
        const std::string fine = bqq::reverse_index_factory(refine->refine_index);
        return bqq::reverse_index_factory(refine->base_index) +
               (fine == "Flat" ? ",RFlat" : ",Refine(" + fine + ")");
    }
    if (const auto* hnsw = dynamic_cast<const faiss::IndexHNSW*>(index))
        return hnsw_name(*hnsw) + "," + bqq::reverse_index_factory(hnsw->storage);
    return faiss_name(*index);
}

} // namespace bqq
