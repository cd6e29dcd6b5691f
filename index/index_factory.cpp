#include <bqq/index/index_factory.h>

#include <bqq/index/IndexBQQ.h>
#include <bqq/index/IndexIVFBQQ.h>

#include "index/faiss_errors.h"
#include "index/index_parts.h"

#include <faiss/IndexFlat.h>
#include <faiss/IndexHNSW.h>
#include <faiss/IndexIVFFlat.h>
#include <faiss/impl/FaissAssert.h>
#include <faiss/index_factory.h>

#include <charconv>
#include <memory>
#include <optional>
#include <regex>
#include <string>

namespace bqq {

namespace {

struct Code {
    size_t M = 0;
    std::optional<int> depth;
    std::optional<size_t> bases = 1;
};

/// The number in a piece of a description; a number too large for its type is left to the checks of M and depth.
template <class T>
T number(const std::string& digits) {
    T value{};
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return result.ec == std::errc() ? value : std::numeric_limits<T>::max();
}

Code parse_code(const std::string& token, const std::string& description) {
    static const std::regex grammar("BQQ(?:(\\d+)|(\\d+)x(\\d+))(?:z(\\d+))?(?:(g)([1-9]\\d*)?)?");
    std::smatch match;
    FAISS_THROW_IF_NOT_FMT(
            std::regex_match(token, match, grammar),
            "BQQ: cannot read \"%s\" in the factory string \"%s\"; a code is BQQ256, BQQ4x64, "
            "BQQ256z8, BQQ256g16, BQQ256z4g16 or BQQ256g",
            token.c_str(), description.c_str());
    Code code;
    if (match[1].matched) {
        code.M = number<size_t>(match[1].str());
    } else {
        const auto planes = number<uint32_t>(match[2].str());
        const auto atoms = number<uint32_t>(match[3].str());
        code.M = size_t{planes} * size_t{atoms};
    }
    if (match[6].matched) {
        code.bases = number<size_t>(match[6].str());
    } else if (match[5].matched) {
        code.bases.reset();
    }
    if (match[4].matched) {
        code.depth = number<int>(match[4].str());
        FAISS_THROW_IF_NOT_FMT(
                *code.depth > 0, "BQQ: depth 0 in the factory string \"%s\", must be 1 to %d",
                description.c_str(), Quantizer::kMaxDepth);
    }
    return code;
}

/// An inverted file over codes in place of one over flat vectors, with the same coarse quantizer.
std::unique_ptr<faiss::Index> over_codes(faiss::IndexIVFFlat& flat, const Code& code) {
    auto ours = std::make_unique<IndexIVFBQQ>(
            flat.quantizer, static_cast<size_t>(flat.d), flat.nlist, code.M, flat.metric_type,
            code.depth, code.bases);
    ours->own_fields = flat.own_fields;
    flat.own_fields = false;
    ours->quantizer_trains_alone = flat.quantizer_trains_alone;
    ours->cp = flat.cp;
    ours->clustering_index = flat.clustering_index;
    return ours;
}

/// A graph over codes in place of one over flat vectors.
std::unique_ptr<faiss::Index> over_codes(faiss::IndexHNSWFlat& flat, const Code& code) {
    auto codes =
            std::make_unique<IndexBQQ>(flat.d, code.M, flat.metric_type, code.depth, code.bases);
    auto ours = std::make_unique<faiss::IndexHNSW>(codes.get(), flat.hnsw.nb_neighbors(1));
    ours->own_fields = true;
    ours->is_trained = false;
    (void)codes.release();
    return ours;
}

/** The index with codes in place of the flat vectors that FAISS's factory put there for them.
 * @return nullptr  when there are none
 */
std::unique_ptr<faiss::Index> with_codes(std::unique_ptr<faiss::Index> index, const Code& code) {
    if (auto* ivf = dynamic_cast<faiss::IndexIVFFlat*>(index.get())) return over_codes(*ivf, code);
    if (auto* hnsw = dynamic_cast<faiss::IndexHNSWFlat*>(index.get()))
        return over_codes(*hnsw, code);
    if (dynamic_cast<faiss::IndexFlat*>(index.get()) != nullptr)
        return std::make_unique<IndexBQQ>(
                index->d, code.M, index->metric_type, code.depth, code.bases);
    faiss::Index** inner = inner_index(index.get());
    if (inner == nullptr || *inner == nullptr) return nullptr;
    std::unique_ptr<faiss::Index> replaced(*inner);
    *inner = nullptr;
    replaced = with_codes(std::move(replaced), code);
    if (replaced == nullptr) return nullptr;
    *inner = replaced.release();
    // The wrapper took over that a flat index needs no training.
    index->is_trained = false;
    return index;
}

} // namespace

faiss::Index* index_factory(int d, const std::string& description, faiss::MetricType metric) {
    // FAISS builds the index around a flat one, whose place the code then takes.
    static const std::regex code_in_list("(^|,)(BQQ[^,]*)");
    std::smatch match;
    if (!std::regex_search(description, match, code_in_list))
        return faiss::index_factory(d, description.c_str(), metric);
    const std::string token = match[2].str();
    const Code code = parse_code(token, description);
    FAISS_THROW_IF_NOT_FMT(d > 0, "BQQ: dimension d = %d, must be at least 1", d);
    const std::string prefix = match.prefix().str() + match[1].str();
    const std::string around = prefix + "Flat" + match.suffix().str();
    std::unique_ptr<faiss::Index> index;
    try {
        index.reset(faiss::index_factory(d, around.c_str(), metric));
    } catch (const faiss::FaissException& error) {
        FAISS_THROW_FMT(
                "BQQ: cannot read the factory string \"%s\": %s", description.c_str(),
                error.what());
    }
    std::unique_ptr<faiss::Index> ours = with_codes(std::move(index), code);
    FAISS_THROW_IF_NOT_FMT(
            ours != nullptr, "BQQ: cannot place \"%s\" in the factory string \"%s\"", token.c_str(),
            description.c_str());
    return ours.release();
}

} // namespace bqq
