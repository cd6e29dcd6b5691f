#include <bqq/index_factory.h>

#include <bqq/IndexBQQ.h>

#include "faiss_errors.h"
#include "index_parts.h"

#include <faiss/IndexFlat.h>
#include <faiss/impl/FaissAssert.h>
#include <faiss/index_factory.h>

#include <charconv>
#include <memory>
#include <regex>
#include <string>

namespace bqq {

namespace {

struct Code {
    size_t M = 0;
    int depth = BinaryQuadraticQuantizer::kDefaultDepth;
};

/// The number in a piece of a description; a number too large for its type is left to the checks of M and depth.
template <class T>
T number(const std::string& digits) {
    T value{};
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return result.ec == std::errc() ? value : std::numeric_limits<T>::max();
}

Code parse_code(const std::string& token, const std::string& description) {
    static const std::regex grammar("BQQ(?:(\\d+)|(\\d+)x(\\d+))(?:z(\\d+))?");
    std::smatch match;
    FAISS_THROW_IF_NOT_FMT(
            std::regex_match(token, match, grammar),
            "BQQ: cannot read \"%s\" in the factory string \"%s\"; a code is BQQ256, BQQ4x64 or "
            "BQQ256z8",
            token.c_str(), description.c_str());
    Code code;
    if (match[1].matched) {
        code.M = number<size_t>(match[1].str());
    } else {
        const auto planes = number<uint32_t>(match[2].str());
        const auto atoms = number<uint32_t>(match[3].str());
        code.M = size_t{planes} * size_t{atoms};
    }
    if (match[4].matched) code.depth = number<int>(match[4].str());
    return code;
}

/// The place of the IndexFlat that stands for the code, among an index and those inside it.
faiss::Index** find_placeholder(faiss::Index** index) {
    while (index != nullptr && dynamic_cast<faiss::IndexFlat*>(*index) == nullptr)
        index = inner_index(*index);
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
    FAISS_THROW_IF_NOT_FMT(
            prefix.find("IVF") == std::string::npos && prefix.find("HNSW") == std::string::npos,
            "BQQ: the factory string \"%s\" puts a BQQ code in an inverted file or graph, which is "
            "not there yet",
            description.c_str());
    const std::string around = prefix + "Flat" + match.suffix().str();
    std::unique_ptr<faiss::Index> index;
    try {
        index.reset(faiss::index_factory(d, around.c_str(), metric));
    } catch (const faiss::FaissException& error) {
        FAISS_THROW_FMT(
                "BQQ: cannot read the factory string \"%s\": %s", description.c_str(),
                error.what());
    }
    faiss::Index* outer = index.get();
    faiss::Index** place = find_placeholder(&outer);
    FAISS_THROW_IF_NOT_FMT(
            place != nullptr && *place != nullptr,
            "BQQ: cannot place \"%s\" in the factory string \"%s\"", token.c_str(),
            description.c_str());
    auto ours = std::make_unique<IndexBQQ>((*place)->d, code.M, (*place)->metric_type, code.depth);
    if (place == &outer) return ours.release();
    delete *place;
    *place = ours.release();
    // The wrappers took over that a flat index needs no training.
    for (faiss::Index** i = &outer; i != nullptr; i = inner_index(*i)) (*i)->is_trained = false;
    return index.release();
}

} // namespace bqq
