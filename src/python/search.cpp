#include "python/search.h"

#include "index/wrapped_index.h"
#include "python/arguments.h"

#include <bqq/index/IndexBQQ.h>
#include <bqq/index/IndexIVFBQQ.h>
#include <bqq/index/search_parameters.h>
#include <faiss/IndexHNSW.h>
#include <faiss/IndexIVF.h>

namespace bqq::python {

Parameters::Parameters(const faiss::Index& index, const SearchOptions& options)
        : filter_(to_filter(options.filter, options.exclude)) {
    if (!options.nprobe && !options.ef && !filter_.selector) return;
    auto* searched = const_cast<faiss::Index*>(&index); // is only looked at
    const auto* ivf = find_index<faiss::IndexIVF>(searched);
    const auto* graph = find_index<faiss::IndexHNSW>(searched);
    if (options.nprobe && ivf == nullptr)
        throw py::value_error("nprobe is given, but the index has no inverted lists");
    if (options.ef && graph == nullptr)
        throw py::value_error("ef is given, but the index has no graph");
    if (ivf != nullptr) {
        auto parameters = std::make_unique<IVFSearchParametersBQQ>();
        parameters->nprobe = options.nprobe ? to_size(*options.nprobe, "nprobe") : ivf->nprobe;
        parameters->max_codes = ivf->max_codes;
        parameters_ = std::move(parameters);
    } else if (graph != nullptr) {
        auto parameters = std::make_unique<faiss::SearchParametersHNSW>();
        parameters->efSearch =
                options.ef ? static_cast<int>(to_size(*options.ef, "ef")) : graph->hnsw.efSearch;
        parameters_ = std::move(parameters);
    } else {
        parameters_ = std::make_unique<SearchParametersBQQ>();
    }
    parameters_->sel = filter_.selector.get();
}

void check_k(int64_t k, int64_t n) {
    (void)to_size(k, "k");
    constexpr int64_t kMost = int64_t{1} << 40;
    if (n > 0 && k > kMost / n)
        throw py::value_error(
                "k is " + std::to_string(k) + " for " + std::to_string(n) +
                " queries: the result does not fit in memory");
}

} // namespace bqq::python
