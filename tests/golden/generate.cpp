// Writes the files of a version_N/, those of the version that the library writes. No part of the
// build:
//
//     g++ -std=c++20 -Iinclude tests/golden/generate.cpp <the libraries> && ./a.out version_N
//     bqq compress matrix.npy --planes 2 --out version_N/matrix.bqqm      # matrix.npy: 12 x 10
//
// version_4 was written by commit 6eab7c8, version_5 by 293660e, version_6 by 99fbe6e, version_7 by
// 66178ff, version_8 by the first commit that writes it.
//
// Each index has a text with its answers: d, ntotal, metric and factory string; then `label
// distance` of the nearest vectors to each query; then decoded vectors, where the index decodes.

#include "data.h"

#include <bqq/index/IndexBQQ.h>
#include <bqq/index/IndexIVFBQQ.h>
#include <bqq/index/index_factory.h>
#include <bqq/index/index_io.h>
#include <faiss/IndexIDMap.h>
#include <faiss/IndexReplicas.h>
#include <faiss/IndexShards.h>

#include <cctype>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

namespace {

using namespace bqq::test::golden;

std::string folder;

std::string file_name(std::string name) {
    for (char& c : name)
        if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
    return folder + "/" + name;
}

void write(const faiss::Index& index, const std::string& name, float mean = 0) {
    bqq::write_index(&index, file_name(name) + ".bqq");
    std::FILE* text = std::fopen((file_name(name) + ".txt").c_str(), "w");
    std::string description = "-";
    try {
        description = bqq::reverse_index_factory(&index);
    } catch (const std::exception&) {
    }
    std::fprintf(
            text, "%d %ld %d %s %g\n", index.d, static_cast<long>(index.ntotal),
            static_cast<int>(index.metric_type), description.c_str(), mean);
    if (index.ntotal > 0) {
        const std::vector<float> queries = numbers(kQueries * kDimension, 2, mean);
        std::vector<float> distances(kQueries * kK);
        std::vector<int64_t> labels(kQueries * kK);
        index.search(kQueries, queries.data(), kK, distances.data(), labels.data());
        for (size_t i = 0; i < labels.size(); ++i)
            std::fprintf(text, "%ld %.9g\n", static_cast<long>(labels[i]), distances[i]);
        try {
            std::string decoded;
            for (int i = 0; i < kDecoded; ++i) {
                std::vector<float> x(kDimension);
                index.reconstruct(labels[static_cast<size_t>(i)], x.data());
                char number[32];
                for (const float value : x) {
                    std::snprintf(number, sizeof number, "%.9g\n", value);
                    decoded += number;
                }
            }
            std::fputs(decoded.c_str(), text);
        } catch (const std::exception&) { // it does not decode
        }
    }
    std::fclose(text);
}

std::unique_ptr<faiss::Index> filled(
        const std::string& factory, faiss::MetricType metric, float mean = 0) {
    auto index = bqq::index_factory(kDimension, factory, metric);
    const std::vector<float> x = numbers(kTrained * kDimension, 1, mean);
    index->train(kTrained, x.data());
    if (dynamic_cast<faiss::IndexIDMap*>(index.get()) != nullptr) {
        std::vector<int64_t> ids;
        for (int i = 0; i < kVectors; ++i) ids.push_back(1000 + 7 * i);
        index->add_with_ids(kVectors, x.data(), ids.data());
    } else {
        index->add(kVectors, x.data());
    }
    return index;
}

} // namespace

int main(int, char** argv) {
    folder = argv[1];
    for (const std::string factory :
         {"BQQ12", "BQQ13z3", "BQQ12z12", "BQQ4g3", "BQQ4z2g4", "BQQ4g", "IVF4,BQQ12",
          "IVF4,BQQ4z2g2", "PCA4,BQQ12", "IDMap2,BQQ12", "BQQ12,RFlat", "BQQ12t",
          "IVF4,BQQ16tg2"}) {
        write(*filled(factory, faiss::METRIC_L2), factory + "_l2");
        write(*filled(factory, faiss::METRIC_INNER_PRODUCT), factory + "_ip");
    }
    for (const std::string factory :
         {"IVF4_HNSW4,BQQ12", "IVF8(IVF2,Flat),BQQ12", "OPQ2_8,BQQ12", "RR8,BQQ12", "L2norm,BQQ12",
          "IDMap,BQQ12", "BQQ12,Refine(SQ8)", "IVF4,BQQ12,RFlat", "HNSW4,BQQ12", "HNSW4,BQQ4g2",
          "IDMap2,PCA4,BQQ12"})
        write(*filled(factory, faiss::METRIC_L2), factory);
    for (const std::string factory : {"BQQ12", "BQQ4z2g", "IVF4,BQQ12", "PCA4,BQQ4g3"})
        write(*bqq::index_factory(kDimension, factory), factory + "_untrained");
    for (const std::string factory : {"BQQ12", "BQQ4g3", "IVF4,BQQ12"}) {
        const auto index = filled(factory, faiss::METRIC_L2);
        index->reset();
        write(*index, factory + "_empty");
        write(*filled(factory, faiss::METRIC_L2, 1000), factory + "_far_mean", 1000);
    }
    for (const auto& [type, name] :
         {std::pair(faiss::DirectMap::Array, "_array"), {faiss::DirectMap::Hashtable, "_map"}}) {
        const auto index = filled("IVF4,BQQ12", faiss::METRIC_L2);
        dynamic_cast<bqq::IndexIVFBQQ&>(*index).set_direct_map_type(type);
        write(*index, std::string("IVF4,BQQ12") + name);
    }
    {
        const auto index = filled("IVF4,BQQ12", faiss::METRIC_L2);
        auto& ivf = dynamic_cast<bqq::IndexIVFBQQ&>(*index);
        ivf.reset();
        ivf.replace_invlists(new faiss::ArrayInvertedLists(4, ivf.code_size), true);
        ivf.add(kVectors, numbers(kVectors * kDimension, 1).data());
        ivf.nprobe = 3;
        write(ivf, "IVF4,BQQ12_faiss_lists");
    }
    faiss::IndexShards shards(kDimension);
    faiss::IndexReplicas replicas(kDimension);
    const auto part = filled("BQQ12", faiss::METRIC_L2);
    const auto other = filled("IVF4,BQQ12", faiss::METRIC_L2);
    shards.addIndex(part.get());
    shards.addIndex(other.get());
    shards.successive_ids = true;
    replicas.addIndex(part.get());
    write(shards, "shards");
    write(replicas, "replicas");
}
