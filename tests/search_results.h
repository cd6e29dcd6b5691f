#pragma once

#include <bqq/index/IndexBQQ.h>
#include <faiss/IndexFlat.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

namespace bqq::test {

/// What a search of n queries returned, each size n * k.
struct Results {
    std::vector<float> distances;
    std::vector<int64_t> labels;

    bool operator==(const Results&) const = default;
};

/// @param queries  size n * index.d
inline Results search(
        const faiss::Index& index, const std::vector<float>& queries, int64_t k,
        const faiss::SearchParameters* params = nullptr) {
    const auto n = static_cast<int64_t>(queries.size()) / index.d;
    const auto size = static_cast<size_t>(n * k);
    Results results{std::vector<float>(size, -7), std::vector<int64_t>(size, -7)};
    index.search(n, queries.data(), k, results.distances.data(), results.labels.data(), params);
    return results;
}

/// Trains on x (n * d) and adds it.
inline void train_and_add(faiss::Index& index, const std::vector<float>& x) {
    const auto n = static_cast<int64_t>(x.size()) / index.d;
    index.train(n, x.data());
    index.add(n, x.data());
}

/// All codes of an index, rows of sa_code_size().
inline std::vector<uint8_t> codes_of(const IndexBQQ& index) {
    std::vector<uint8_t> codes(static_cast<size_t>(index.ntotal) * index.sa_code_size());
    index.get_codes(0, index.ntotal, codes.data());
    return codes;
}

/// The part of `found` that is in `truth`, row by row of k labels.
inline double recall(
        const std::vector<int64_t>& found, const std::vector<int64_t>& truth, size_t k) {
    size_t hits = 0;
    for (size_t row = 0; row < truth.size() / k; ++row)
        for (size_t i = 0; i < k; ++i)
            for (size_t j = 0; j < k; ++j) hits += found[row * k + i] == truth[row * k + j] ? 1 : 0;
    return static_cast<double>(hits) / static_cast<double>(truth.size());
}

/// The part of the true k nearest of x (n * d) that an index of them finds.
inline double recall_among(
        const faiss::Index& index, const std::vector<float>& x, const std::vector<float>& queries,
        int64_t k) {
    faiss::IndexFlat exact(index.d, index.metric_type);
    exact.add(static_cast<int64_t>(x.size()) / index.d, x.data());
    return recall(
            search(index, queries, k).labels, search(exact, queries, k).labels,
            static_cast<size_t>(k));
}

/// Search parameters that score all codes in float.
inline SearchParametersBQQ exact_parameters() {
    SearchParametersBQQ parameters;
    parameters.margin = std::numeric_limits<float>::infinity();
    return parameters;
}

} // namespace bqq::test
