// Builds an index from a factory string, searches it, writes it to a file and reads it again.
#include "data.h"

#include <bqq/index/index_factory.h>
#include <bqq/index/index_io.h>
#include <faiss/IndexFlat.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <vector>

int main() {
    const int d = 64;       // dimension
    const int64_t n = 5000; // vectors in the index
    const int64_t nq = 100; // queries
    const int64_t k = 10;   // neighbours of each
    const std::vector<float> x = clustered_vectors(n + nq, d, 50);
    const float* queries = x.data() + n * d;

    // 128 bits a vector. Any factory string of FAISS's works here as well.
    std::unique_ptr<faiss::Index> index = bqq::index_factory(d, "BQQ128", faiss::METRIC_L2);
    index->train(n, x.data());
    index->add(n, x.data());

    std::vector<float> distances(nq * k);
    std::vector<int64_t> labels(nq * k);
    index->search(nq, queries, k, distances.data(), labels.data());
    std::printf("query 0:");
    for (int64_t i = 0; i < k; ++i)
        std::printf(" %lld (%.1f)", static_cast<long long>(labels[i]), distances[i]);

    // How many of the true neighbours were found?
    faiss::IndexFlatL2 exact(d);
    exact.add(n, x.data());
    std::vector<float> true_distances(nq * k);
    std::vector<int64_t> true_labels(nq * k);
    exact.search(nq, queries, k, true_distances.data(), true_labels.data());
    int64_t hits = 0;
    for (int64_t i = 0; i < nq; ++i)
        for (int64_t j = 0; j < k; ++j) {
            const auto row = labels.begin() + i * k;
            hits += std::count(row, row + k, true_labels[i * k + j]);
        }
    const double recall = static_cast<double>(hits) / static_cast<double>(nq * k);

    const char* path = "index_and_search.bqq";
    bqq::write_index(index.get(), path);
    const auto bytes = static_cast<double>(std::filesystem::file_size(path));
    std::printf(
            "\n10-recall@10 %.3f, %.1f bytes a vector in the file, %.1f of them codes\n", recall,
            bytes / n, static_cast<double>(index->sa_code_size()));

    index = bqq::read_index(path);
    std::filesystem::remove(path);
    std::vector<float> read_distances(nq * k);
    std::vector<int64_t> read_labels(nq * k);
    index->search(nq, queries, k, read_distances.data(), read_labels.data());
    const bool same = read_labels == labels && read_distances == distances;
    std::printf("the index from the file gives %s results\n", same ? "the same" : "other");
    return same && recall > 0.4 ? 0 : 1;
}
