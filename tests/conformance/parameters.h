#pragma once

#include "conformance.h"

namespace bqq::test {

/// Search parameters of the class that a kind of index takes, which search all that is stored.
inline std::unique_ptr<faiss::SearchParameters> parameters_for(const Kind& kind) {
    if (kind.is_inverted_file()) {
        auto parameters = std::make_unique<faiss::SearchParametersIVF>();
        parameters->nprobe = kLists;
        return parameters;
    }
    if (kind.has("HNSW")) {
        auto parameters = std::make_unique<faiss::SearchParametersHNSW>();
        parameters->efSearch = static_cast<int>(kVectors);
        return parameters;
    }
    return std::make_unique<faiss::SearchParameters>();
}

/// Search parameters that look at the members of a selector alone.
inline std::unique_ptr<faiss::SearchParameters> selecting(
        const Kind& kind, faiss::IDSelector* selector) {
    auto parameters = parameters_for(kind);
    parameters->sel = selector;
    return parameters;
}

} // namespace bqq::test
