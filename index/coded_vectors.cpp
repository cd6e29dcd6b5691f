#include "index/coded_vectors.h"

#include "index/faiss_errors.h"
#include "index/wrappers.h"

#include <bqq/index/IndexBQQ.h>
#include <bqq/index/IndexIVFBQQ.h>
#include <faiss/IndexPreTransform.h>

#include <cmath>

namespace bqq {

size_t CodedVectors::bits() const {
    if (const auto* flat = dynamic_cast<const IndexBQQ*>(index)) return flat->codec().M();
    return dynamic_cast<const IndexIVFBQQ&>(*index).codec().M();
}

double CodedVectors::bytes() const {
    const auto whole = [](const Quantizer& codec, size_t lists) {
        return static_cast<double>(codec.code_size()) + std::log2(static_cast<double>(lists)) / 8;
    };
    if (const auto* flat = dynamic_cast<const IndexBQQ*>(index))
        return whole(flat->codec(), flat->codec().bases());
    const auto& ivf = dynamic_cast<const IndexIVFBQQ&>(*index);
    return whole(ivf.codec(), ivf.nlist);
}

CodingError CodedVectors::error() const {
    if (const auto* ivf = dynamic_cast<const IndexIVFBQQ*>(index)) return ivf->coding_error(n, x);
    const auto& flat = dynamic_cast<const IndexBQQ&>(*index);
    return with_faiss_errors([&] {
        return flat.codec().coding_error({x, static_cast<size_t>(n * flat.d)});
    });
}

std::optional<CodedVectors> find_coded_vectors(faiss::Index& index, int64_t n, const float* x) {
    std::unique_ptr<const float[]> transformed;
    for (faiss::Index* part = &index; part != nullptr;) {
        if (dynamic_cast<IndexBQQ*>(part) != nullptr || dynamic_cast<IndexIVFBQQ*>(part) != nullptr)
            return CodedVectors{part, n, x, std::move(transformed)};
        if (auto* transforms = dynamic_cast<faiss::IndexPreTransform*>(part)) {
            const float* y = transforms->apply_chain(n, x);
            if (y != x) transformed.reset(y);
            x = y;
        }
        faiss::Index** inner = inner_index(part);
        part = inner == nullptr ? nullptr : *inner;
    }
    return {};
}

} // namespace bqq
