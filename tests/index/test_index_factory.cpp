#include <bqq/index/index_factory.h>

#include "random_data.h"
#include "search_results.h"

#include <bqq/index/IndexBQQ.h>
#include <bqq/index/IndexIVFBQQ.h>
#include <faiss/IndexFlat.h>
#include <faiss/IndexHNSW.h>
#include <faiss/IndexIDMap.h>
#include <faiss/IndexPQ.h>
#include <faiss/IndexPreTransform.h>
#include <faiss/IndexRefine.h>
#include <faiss/IndexShards.h>
#include <faiss/impl/FaissException.h>
#include <faiss/impl/IDSelector.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace index_factory_test {

using bqq::IndexBQQ;
using faiss::FaissException;
using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr int kDimension = 16;

std::unique_ptr<faiss::Index> make(
        const std::string& description, faiss::MetricType metric = faiss::METRIC_L2) {
    return bqq::index_factory(kDimension, description, metric);
}

template <class T>
const T& as(const faiss::Index* index) {
    const auto* result = dynamic_cast<const T*>(index);
    if (result == nullptr) throw std::runtime_error("the index is of another class");
    return *result;
}

/// Adds x with its positions as ids where the index wants ids.
void add(faiss::Index& index, const std::vector<float>& x) {
    const auto n = static_cast<int64_t>(x.size()) / index.d;
    if (dynamic_cast<faiss::IndexIDMap*>(&index) == nullptr) return index.add(n, x.data());
    std::vector<int64_t> ids(static_cast<size_t>(n));
    std::iota(ids.begin(), ids.end(), int64_t{0});
    index.add_with_ids(n, x.data(), ids.data());
}

TEST(IndexFactory, ReadsEveryFormOfACode) {
    struct Form {
        const char* description;
        size_t M;
        int depth;
    };
    for (const Form& form :
         {Form{"BQQ1", 1, 8}, Form{"BQQ256", 256, 8}, Form{"BQQ8192", 8192, 8},
          Form{"BQQ4x64", 256, 8}, Form{"BQQ1x7", 7, 8}, Form{"BQQ16z4", 16, 4},
          Form{"BQQ16z1", 16, 1}, Form{"BQQ16z16", 16, 16}, Form{"BQQ4x8z4", 32, 4}}) {
        SCOPED_TRACE(form.description);
        const auto index = make(form.description);
        const auto& ours = as<IndexBQQ>(index.get());
        EXPECT_EQ(ours.d, kDimension);
        EXPECT_EQ(ours.codec().M(), form.M);
        EXPECT_EQ(ours.codec().wanted_depth().value_or(bqq::Quantizer::kDepthOfOne), form.depth);
        EXPECT_EQ(ours.metric_type, faiss::METRIC_L2);
        EXPECT_FALSE(ours.is_trained);
    }
}

TEST(IndexFactory, ReadsHowAtomsLie) {
    using bqq::Atoms;
    for (const auto& [description, atoms] :
         {std::pair("BQQ16t", Atoms::tied),
          {"BQQ16f", Atoms::free},
          {"BQQ64", Atoms::tied},
          {"BQQ63", Atoms::free},
          {"BQQ64fg4", Atoms::free},
          {"BQQ2x8z3tg", Atoms::tied},
          {"IVF4,BQQ16t", Atoms::tied},
          {"HNSW8,BQQ16t", Atoms::tied}}) {
        SCOPED_TRACE(description);
        const auto index = make(description);
        const auto* hnsw = dynamic_cast<const faiss::IndexHNSW*>(index.get());
        const auto* ivf = dynamic_cast<const bqq::IndexIVFBQQ*>(index.get());
        const faiss::Index* flat = hnsw != nullptr ? hnsw->storage : index.get();
        EXPECT_EQ((ivf != nullptr ? ivf->codec() : as<IndexBQQ>(flat).codec()).atoms(), atoms);
        const std::string name = bqq::reverse_index_factory(index.get());
        EXPECT_EQ(bqq::reverse_index_factory(make(name.c_str()).get()), name);
        EXPECT_EQ(name.find('t') != name.npos, std::string(description).find('t') != name.npos);
        EXPECT_EQ(name.find('f') != name.npos, std::string(description).find('f') != name.npos);
    }
}

TEST(IndexFactory, HandsOnTheMetric) {
    for (const char* description : {"BQQ16", "PCA8,BQQ16", "IDMap2,BQQ16", "BQQ16,RFlat"}) {
        SCOPED_TRACE(description);
        const auto index = make(description, faiss::METRIC_INNER_PRODUCT);
        EXPECT_EQ(index->metric_type, faiss::METRIC_INNER_PRODUCT);
    }
    EXPECT_EQ(
            as<IndexBQQ>(make("BQQ16", faiss::METRIC_INNER_PRODUCT).get()).codec().metric(),
            bqq::Metric::inner_product);
    const auto pca = make("PCA8,BQQ16", faiss::METRIC_INNER_PRODUCT);
    EXPECT_EQ(
            as<faiss::IndexPreTransform>(pca.get()).index->metric_type,
            faiss::METRIC_INNER_PRODUCT);
}

TEST(IndexFactory, PutsTheCodeAfterATransform) {
    const auto index = make("PCA8,BQQ24z3");
    const auto& transform = as<faiss::IndexPreTransform>(index.get());
    EXPECT_EQ(transform.d, kDimension);
    ASSERT_EQ(transform.chain.size(), 1u);
    EXPECT_EQ(transform.chain[0]->d_out, 8);
    EXPECT_TRUE(transform.own_fields);
    const auto& ours = as<IndexBQQ>(transform.index);
    EXPECT_EQ(ours.d, 8);
    EXPECT_EQ(ours.codec().M(), 24u);
    EXPECT_EQ(ours.codec().wanted_depth(), 3);
}

TEST(IndexFactory, PutsTheCodeInAnIdMap) {
    EXPECT_EQ(
            as<IndexBQQ>(as<faiss::IndexIDMap2>(make("IDMap2,BQQ32").get()).index).codec().M(),
            32u);
    const auto map = make("IDMap,BQQ4x8");
    EXPECT_EQ(as<IndexBQQ>(as<faiss::IndexIDMap>(map.get()).index).codec().M(), 32u);
    EXPECT_EQ(dynamic_cast<faiss::IndexIDMap2*>(map.get()), nullptr);
}

TEST(IndexFactory, RefinesTheCode) {
    const auto index = make("BQQ32,RFlat");
    const auto& refine = as<faiss::IndexRefine>(index.get());
    EXPECT_EQ(as<IndexBQQ>(refine.base_index).codec().M(), 32u);
    EXPECT_NO_THROW(as<faiss::IndexFlat>(refine.refine_index));
    EXPECT_TRUE(refine.own_fields);
}

TEST(IndexFactory, RefinesACodeByALongerOne) {
    const auto index = make("PCA8,IVF4,BQQ32,Refine(BQQ4x30z3)", faiss::METRIC_INNER_PRODUCT);
    const auto& refine = as<faiss::IndexRefine>(index.get());
    const auto& transform = as<faiss::IndexPreTransform>(refine.base_index);
    EXPECT_EQ(as<bqq::IndexIVFBQQ>(transform.index).codec().M(), 32u);
    const auto& longer = as<IndexBQQ>(refine.refine_index);
    EXPECT_EQ(longer.codec().M(), 120u);
    EXPECT_EQ(longer.codec().wanted_depth(), 3);
    EXPECT_EQ(longer.metric_type, faiss::METRIC_INNER_PRODUCT);
    EXPECT_EQ(longer.d, kDimension);
    EXPECT_TRUE(refine.own_fields);
    EXPECT_TRUE(refine.own_refine_index);
    // One of FAISS's may be refined by ours.
    EXPECT_NO_THROW(as<faiss::IndexRefine>(make("SQ4,Refine(BQQ64)").get()));
    for (const char* description :
         {"BQQ32,Refine(IVF4,BQQ64)", "BQQ32,Refine(BQQ64,RFlat)",
          "BQQ32,Refine(BQQ64,Refine(BQQ96))", "BQQ32,Refine(BQQ)", "BQQ32,Refine(BQQ64)x",
          "Refine(BQQ64)", "BQQ32,Refine(BQQ64))"})
        EXPECT_THROW(make(description), FaissException) << description;
}

/// As many as the longer code alone finds, when all are candidates.
TEST(IndexFactory, FindsWhatTheRefinementFinds) {
    const std::vector<float> x = bqq::test::gaussian_vectors(400, kDimension, 1);
    const std::vector<float> first(x.begin(), x.begin() + 50 * kDimension);
    for (const faiss::MetricType metric : {faiss::METRIC_L2, faiss::METRIC_INNER_PRODUCT}) {
        const auto index = make("BQQ16,Refine(BQQ80)", metric);
        const auto longer = make("BQQ80", metric);
        for (faiss::Index* each : {index.get(), longer.get()}) {
            each->train(400, x.data());
            add(*each, x);
        }
        dynamic_cast<faiss::IndexRefine&>(*index).k_factor = 40;
        const auto refined = bqq::test::search(*index, first, 10);
        const auto alone = bqq::test::search(*longer, first, 10);
        size_t same = 0;
        for (size_t i = 0; i < alone.labels.size(); ++i)
            same += refined.labels[i] == alone.labels[i] ? 1 : 0;
        EXPECT_GT(same, alone.labels.size() * 95 / 100);
    }
}

TEST(IndexFactory, EveryCompositionTrainsAndSearches) {
    const std::vector<float> x = bqq::test::gaussian_vectors(400, kDimension, 1);
    const std::vector<float> first(x.begin(), x.begin() + 50 * kDimension);
    for (const char* description :
         {"BQQ40", "BQQ4x10z4", "PCA8,BQQ40", "PCAR8,BQQ40", "RR8,BQQ40", "L2norm,BQQ40",
          "IDMap,BQQ40", "IDMap2,BQQ40", "IDMap2,PCA8,BQQ40", "BQQ40,RFlat", "PCA8,BQQ40,RFlat",
          "BQQ24,Refine(BQQ40)"})
        for (const faiss::MetricType metric : {faiss::METRIC_L2, faiss::METRIC_INNER_PRODUCT}) {
            SCOPED_TRACE(testing::Message() << description << " metric " << metric);
            const auto index = make(description, metric);
            EXPECT_FALSE(index->is_trained);
            EXPECT_EQ(index->d, kDimension);
            index->train(400, x.data());
            EXPECT_TRUE(index->is_trained);
            add(*index, x);
            EXPECT_EQ(index->ntotal, 400);
            const auto results = bqq::test::search(*index, first, 10);
            if (metric != faiss::METRIC_L2) continue;
            size_t found = 0;
            for (size_t i = 0; i < results.labels.size(); ++i)
                found += results.labels[i] == static_cast<int64_t>(i / 10) ? 1 : 0;
            EXPECT_GT(found, 40u) << "a vector is not among its own ten nearest";
        }
}

TEST(IndexFactory, ReverseGivesTheDescriptionBack) {
    for (const std::string description :
         {"BQQ16",
          "BQQ16z3",
          "PCA8,BQQ16",
          "PCAR8,BQQ16",
          "PCAW8,BQQ16",
          "OPQ4_8,BQQ16",
          "RR16,BQQ16",
          "L2norm,BQQ16",
          "IDMap,BQQ16",
          "IDMap2,PCA8,BQQ16",
          "BQQ16,RFlat",
          "BQQ16,Refine(SQ8)",
          "IDMap,PCA8,BQQ16z4,Refine(BQQ24z3g4)",
          "BQQ16g4",
          "BQQ16z3g4",
          "BQQ16g",
          "BQQ16z3g",
          "PCA8,BQQ16g,RFlat",
          "HNSW8,BQQ16g",
          "HNSW8,BQQ16",
          "IVF16,BQQ16",
          "IVF16_HNSW8,BQQ16",
          "IDMap2,PCA8,BQQ16z4,RFlat",
          "PCA8,IVF16,BQQ16z4,RFlat"}) {
        EXPECT_EQ(bqq::reverse_index_factory(make(description).get()), description);
    }
    EXPECT_EQ(bqq::reverse_index_factory(make("BQQ2x8").get()), "BQQ16");
    EXPECT_EQ(bqq::reverse_index_factory(make("SQ8").get()), "SQ8");
    EXPECT_EQ(
            bqq::reverse_index_factory(make("IDMap2,PCA8,IVF16,BQQ16").get()), "PCA8,IVF16,BQQ16");
    EXPECT_THROW(bqq::reverse_index_factory(nullptr), FaissException);
    const faiss::IndexShards shards(16);
    EXPECT_THROW(bqq::reverse_index_factory(&shards), FaissException);
}

TEST(IndexFactory, HandsOtherDescriptionsToFaiss) {
    EXPECT_NO_THROW(as<faiss::IndexFlat>(make("Flat").get()));
    EXPECT_EQ(as<faiss::IndexPQ>(make("PQ4x4").get()).pq.nbits, 4u);
    EXPECT_EQ(make("Flat", faiss::METRIC_INNER_PRODUCT)->metric_type, faiss::METRIC_INNER_PRODUCT);
}

TEST(IndexFactory, ErrorsNameTheDescription) {
    for (const std::string description :
         {"BQQ",         "BQQx",        "BQQ-3",      "BQQ16z",  "BQQz4",    "BQQ4x",
          "BQQx4",       "BQQ4x4x4",    "BQQ16y4",    "BQQ16g0", "BQQ16gz4", "BQQ16g4z4",
          "BQQ16g-1",    "BQQg",        "BQQ 16",     "BQQ16 ",  "Bogus",    "bqq16",
          "Bogus,BQQ16", "BQQ16,Bogus", "BQQ16,BQQ16"}) {
        EXPECT_THAT(
                [&] { make(description); }, ThrowsMessage<FaissException>(HasSubstr(description)))
                << description;
    }
}

TEST(IndexFactory, SizesOutOfRangeAreNamed) {
    for (const auto& [description, value] : std::vector<std::pair<std::string, std::string>>{
                 {"BQQ0", "0 bits"},
                 {"BQQ0x4", "0 bits"},
                 {"BQQ8193", "8193"},
                 {"BQQ99999999", "99999999"},
                 {"BQQ99999x99999", "9999800001"},
                 {"BQQ99999999999999999999999", "must be 1 to 8192"},
                 {"BQQ16z0", "depth 0"},
                 {"BQQ16z0g", "depth 0"},
                 {"BQQ16z17", "depth 17"},
                 {"BQQ16z17g", "depth 17"},
                 {"PCA8,BQQ16z17", "depth 17"}}) {
        EXPECT_THAT(
                [&text = description] { make(text); },
                ThrowsMessage<FaissException>(HasSubstr(value)))
                << description;
    }
}

TEST(IndexFactory, LongDescriptionsAreRefused) {
    for (const std::string piece : {"PCA8,", "(", "BQQ16,", "x"}) {
        std::string description = "BQQ16";
        while (description.size() < 30000) description = piece + description;
        const std::string size = std::to_string(description.size());
        EXPECT_THAT(
                [&text = description] { make(text); },
                ThrowsMessage<FaissException>(HasSubstr(size)));
    }
}

// FAISS never ends building a graph of one neighbour, and stops the process at none.
TEST(IndexFactory, GraphsOutOfRangeAreNamed) {
    for (const auto& [description, value] : std::vector<std::pair<std::string, std::string>>{
                 {"HNSW0,BQQ16", "HNSW0"},
                 {"HNSW1,BQQ16", "HNSW1"},
                 {"HNSW100000,BQQ16", "HNSW100000"},
                 {"IVF4_HNSW1,BQQ16", "HNSW1"},
                 {"HNSW1,Flat", "HNSW1"}})
        EXPECT_THAT(
                [&text = description] { make(text); },
                ThrowsMessage<FaissException>(HasSubstr(value)))
                << description;
    for (const char* description : {"HNSW2,BQQ16", "HNSW,BQQ16", "HNSW1024,BQQ16"})
        EXPECT_NO_THROW(make(description)) << description;
}

/// FAISS's IndexIDMap takes it that ids move up where vectors are removed; those of lists do not.
TEST(IndexFactory, AnIdMapOverAnInvertedFileIsTheInvertedFile) {
    const std::vector<float> x = bqq::test::gaussian_vectors(400, kDimension, 1);
    for (const std::string description :
         {"IDMap,IVF4,BQQ64", "IDMap2,IVF4,BQQ64", "IDMap2,PCA16,IVF4,BQQ64"}) {
        SCOPED_TRACE(description);
        const auto index = make(description);
        EXPECT_EQ(dynamic_cast<faiss::IndexIDMap*>(index.get()), nullptr);
        index->train(400, x.data());
        std::vector<int64_t> ids(100);
        std::iota(ids.begin(), ids.end(), int64_t{1000});
        index->add_with_ids(100, x.data(), ids.data());
        faiss::IDSelectorRange first(1000, 1020);
        EXPECT_EQ(index->remove_ids(first), 20u);
        const bool both_ways = description.starts_with("IDMap2");
        for (size_t i = 20; i < 100; ++i) {
            const std::vector<float> query(
                    x.begin() + static_cast<std::ptrdiff_t>(i * kDimension),
                    x.begin() + static_cast<std::ptrdiff_t>((i + 1) * kDimension));
            EXPECT_EQ(bqq::test::search(*index, query, 1).labels[0], 1000 + static_cast<int>(i));
            std::vector<float> decoded(kDimension);
            if (both_ways) {
                EXPECT_NO_THROW(index->reconstruct(1000 + static_cast<int>(i), decoded.data()));
            }
        }
        std::vector<float> decoded(kDimension);
        EXPECT_ANY_THROW(index->reconstruct(1000, decoded.data()));
    }
}

TEST(IndexFactory, DimensionsOutOfRangeAreNamed) {
    for (const int d : {0, -1})
        for (const std::string description : {"BQQ16", "IDMap2,BQQ16"})
            EXPECT_THAT(
                    [&] { bqq::index_factory(d, description); },
                    ThrowsMessage<FaissException>(HasSubstr("d = " + std::to_string(d))));
}

} // namespace index_factory_test
