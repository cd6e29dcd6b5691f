// A program for FAISS's inverted files, "IVF64,PQ16" before, with one factory string changed.
#include "data.h"

#include <bqq/index/index_factory.h>
#include <bqq/index/search_parameters.h>
#include <faiss/impl/IDSelector.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <thread>
#include <vector>

int main() {
    const int d = 64;
    const int64_t n = 10000;
    const int64_t k = 5;
    const std::vector<float> x = clustered_vectors(n, d, 64);
    std::vector<int64_t> ids(n);
    for (int64_t i = 0; i < n; ++i) ids[i] = 1'000'000 + 7 * i;

    const std::unique_ptr<faiss::Index> index = bqq::index_factory(d, "IVF64,BQQ128");
    index->train(n, x.data());
    index->add_with_ids(n, x.data(), ids.data());

    // nprobe is FAISS's; margin and query_bits are known to bqq::ParameterSpace only.
    const bqq::ParameterSpace parameters;
    parameters.set_index_parameter(index.get(), "nprobe", 8);
    parameters.set_index_parameter(index.get(), "margin", 4);

    // How many vectors are the first result for themselves? Several threads may search at once.
    const auto count_found = [&] {
        std::atomic<int64_t> found = 0;
        const auto search = [&](int64_t first, int64_t last) {
            std::vector<float> distances((last - first) * k);
            std::vector<int64_t> labels((last - first) * k);
            index->search(last - first, x.data() + first * d, k, distances.data(), labels.data());
            for (int64_t i = first; i < last; ++i) found += labels[(i - first) * k] == ids[i];
        };
        std::vector<std::thread> threads;
        for (int64_t t = 0; t < 4; ++t) threads.emplace_back(search, t * n / 4, (t + 1) * n / 4);
        for (std::thread& thread : threads) thread.join();
        return found.load();
    };
    const int64_t found = count_found();
    std::printf(
            "%lld of %lld vectors found themselves\n", static_cast<long long>(found),
            static_cast<long long>(n));

    // Ids below this one go: the first half of the vectors.
    const int64_t first_kept = ids[n / 2];
    const size_t removed = index->remove_ids(faiss::IDSelectorRange(0, first_kept));
    const int64_t kept = count_found();
    std::printf(
            "%zu removed, %lld of the others found themselves\n", removed,
            static_cast<long long>(kept));
    return found > n * 9 / 10 && removed == n / 2 && index->ntotal == n / 2 &&
                           kept > n / 2 * 9 / 10 && kept <= n / 2
                   ? 0
                   : 1;
}
