#include <bqq/index/IndexHNSWBQQ.h>

#include "base/omp_threads.h"
#include "index/checks.h"
#include "index/faiss_errors.h"
#include "index/selectors.h"

#include <faiss/IndexFlat.h>
#include <faiss/impl/FaissAssert.h>
#include <omp.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace bqq {

IndexHNSWBQQ::IndexHNSWBQQ(IndexBQQ* codes, int M) : IndexHNSW(codes, M) {
    is_trained = codes->is_trained;
}

void IndexHNSWBQQ::add(idx_t n, const float* x) {
    FAISS_THROW_IF_NOT_MSG(storage != nullptr, "BQQ: IndexHNSWBQQ without codes, its storage");
    check_vectors(*storage, n, x, "add()");
    if (n == 0) return;
    // To decode all vectors costs as much as to link about a hundredth of them.
    constexpr idx_t kFew = 64;
    const int linking = reproducible ? 1 : omp_get_max_threads();
    if (n < ntotal / kFew) {
        const OmpThreads threads(linking);
        IndexHNSW::add(n, x);
        return;
    }
    with_faiss_errors([&] {
        faiss::IndexFlat vectors(d, metric_type);
        {
            std::vector<float> decoded(static_cast<size_t>(ntotal) * static_cast<size_t>(d));
            storage->reconstruct_n(0, ntotal, decoded.data());
            vectors.add(ntotal, decoded.data());
        }
        IndexHNSW by_vectors(&vectors, 1);
        by_vectors.hnsw = hnsw;
        by_vectors.verbose = verbose;
        BQQ_SINCE_FAISS_1_8(by_vectors.init_level0 = init_level0;)
        BQQ_SINCE_FAISS_1_8(by_vectors.keep_max_size_level0 = keep_max_size_level0;)
        by_vectors.ntotal = ntotal;
        {
            const OmpThreads threads(linking);
            by_vectors.add(n, x);
        }
        storage->add(n, x);
        hnsw = std::move(by_vectors.hnsw);
        ntotal = storage->ntotal;
    });
}

void IndexHNSWBQQ::search(
        idx_t n, const float* x, idx_t k, float* distances, idx_t* labels,
        const faiss::SearchParameters* params) const {
    // A step to one of efSearch vectors takes as long as a scan of this many bytes of codes.
    constexpr double kBytesOfStep = 40000;
    const auto* codes = dynamic_cast<const IndexBQQ*>(storage);
    if (params == nullptr || params->sel == nullptr || codes == nullptr)
        return IndexHNSW::search(n, x, k, distances, labels, params);
    const double part = part_allowed(*params->sel, static_cast<size_t>(ntotal), [](size_t i) {
        return static_cast<idx_t>(i);
    });
    faiss::SearchParametersHNSW graph;
    graph.efSearch = hnsw.efSearch;
    if (const auto* given = dynamic_cast<const faiss::SearchParametersHNSW*>(params))
        graph = *given;
    graph.sel = nullptr;
    // FAISS goes no farther for a selector, so more neighbours are asked for.
    const double wanted = static_cast<double>(std::max<idx_t>(graph.efSearch, k)) / part;
    SearchParametersBQQ flat;
    flat.sel = params->sel;
    const double bytes = static_cast<double>(ntotal) * static_cast<double>(codes->sa_code_size());
    if (wanted >= static_cast<double>(ntotal) || bytes <= kBytesOfStep * wanted)
        return codes->search(n, x, k, distances, labels, &flat);
    const auto wide_k = static_cast<idx_t>(wanted);
    graph.efSearch = static_cast<int>(wide_k);
    constexpr idx_t kTogether = 1024;
    std::vector<float> wide_distances(static_cast<size_t>(std::min(n, kTogether) * wide_k));
    std::vector<idx_t> wide_labels(wide_distances.size());
    for (idx_t first = 0; first < n; first += kTogether) {
        const idx_t count = std::min(kTogether, n - first);
        IndexHNSW::search(
                count, x + first * d, wide_k, wide_distances.data(), wide_labels.data(), &graph);
        for (idx_t i = 0; i < count; ++i) {
            idx_t found = 0;
            float* to = distances + (first + i) * k;
            idx_t* label = labels + (first + i) * k;
            for (idx_t j = i * wide_k; j < (i + 1) * wide_k && found < k; ++j) {
                const idx_t id = wide_labels[static_cast<size_t>(j)];
                if (id < 0 || !params->sel->is_member(id)) continue;
                to[found] = wide_distances[static_cast<size_t>(j)];
                label[found++] = id;
            }
            if (found < k) codes->search(1, x + (first + i) * d, k, to, label, &flat);
        }
    }
}

} // namespace bqq
