#pragma once

#include "index_bytes.h"
#include "kinds.h"
#include "random_data.h"
#include "search_results.h"

#include <bqq/index/index_factory.h>
#include <bqq/index/index_io.h>
#include <faiss/IndexHNSW.h>
#include <faiss/IndexIDMap.h>
#include <faiss/IndexIVF.h>
#include <faiss/IndexPreTransform.h>
#include <faiss/IndexRefine.h>
#include <faiss/impl/FaissException.h>
#include <faiss/impl/io.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace bqq::test {

constexpr idx_t kDimension = 32, kVectors = 1500, kQueries = 25, kLists = 16;

inline const std::vector<float>& base() {
    static const std::vector<float> x = gaussian_vectors(kVectors, kDimension, 1);
    return x;
}

/// More than FAISS searches one by one: a batch goes through matrix products.
inline const std::vector<float>& queries() {
    static const std::vector<float> x = gaussian_vectors(kQueries, kDimension, 2);
    return x;
}

inline std::vector<float> rows(const std::vector<float>& x, idx_t begin, idx_t end) {
    return {x.begin() + begin * kDimension, x.begin() + end * kDimension};
}

template <class T>
std::unique_ptr<T> from_bytes(const std::string& bytes) {
    std::unique_ptr<faiss::Index> index = from_bytes(bytes);
    auto* result = dynamic_cast<T*>(index.get());
    if (result == nullptr) throw faiss::FaissException("the index is of another class");
    index.release();
    return std::unique_ptr<T>(result);
}

/// The inverted file of an index or inside its wrappers, or nullptr.
inline faiss::IndexIVF* inverted_file(faiss::Index* index) {
    if (auto* transform = dynamic_cast<faiss::IndexPreTransform*>(index))
        return inverted_file(transform->index);
    if (auto* refine = dynamic_cast<faiss::IndexRefine*>(index))
        return inverted_file(refine->base_index);
    return dynamic_cast<faiss::IndexIVF*>(index);
}

/// Lets a search visit all that is stored.
inline void make_exhaustive(faiss::Index* index) {
    if (auto* ivf = inverted_file(index)) {
        ivf->nprobe = ivf->nlist;
        make_exhaustive(ivf->quantizer);
    } else if (auto* graph = dynamic_cast<faiss::IndexHNSW*>(index)) {
        graph->hnsw.efSearch = static_cast<int>(kVectors);
    }
}

inline std::unique_ptr<faiss::Index> make_untrained(const Kind& kind) {
    return std::unique_ptr<faiss::Index>(
            bqq::index_factory(static_cast<int>(kDimension), kind.factory, kind.metric));
}

/// Bytes of an index that was trained on base(); training is done once a process.
inline const std::string& trained_bytes(const Kind& kind) {
    static std::map<std::pair<std::string, int>, std::string> cache;
    std::string& bytes = cache[{kind.factory, static_cast<int>(kind.metric)}];
    if (bytes.empty()) {
        const auto index = make_untrained(kind);
        index->train(kVectors, base().data());
        make_exhaustive(index.get());
        bytes = to_bytes(*index);
    }
    return bytes;
}

inline bool takes_ids_only(const faiss::Index& index) {
    return dynamic_cast<const faiss::IndexIDMap*>(&index) != nullptr;
}

/// The id under which the tests store the vector of a position.
inline idx_t id_of(const faiss::Index& index, idx_t position) {
    return takes_ids_only(index) ? 1000 + 3 * position : position;
}

inline std::vector<idx_t> ids_of(const faiss::Index& index, idx_t begin, idx_t end) {
    std::vector<idx_t> ids;
    for (idx_t i = begin; i < end; ++i) ids.push_back(id_of(index, i));
    return ids;
}

/// Adds vectors; where the index wants ids, those of the positions from `first` on.
inline void add(faiss::Index& index, const std::vector<float>& x, idx_t first) {
    const auto n = static_cast<idx_t>(x.size()) / kDimension;
    if (!takes_ids_only(index)) return index.add(n, x.data());
    const std::vector<idx_t> ids = ids_of(index, first, first + n);
    index.add_with_ids(n, x.data(), ids.data());
}

/// Rows begin to end of base().
inline void add_base(faiss::Index& index, idx_t begin, idx_t end) {
    add(index, rows(base(), begin, end), begin);
}

inline bool is_better(faiss::MetricType metric, float a, float b) {
    return metric == faiss::METRIC_L2 ? a < b : a > b;
}

/// How far the distances of FAISS's flat index, which an inverted file may be given, are from ours.
constexpr float kOfFaissDistances = 1e-5f;

/// Equal but for rounding. @param tolerance  see Kind::tolerance()
inline bool near(float tolerance, float a, float b) {
    return a == b || std::fabs(a - b) <= tolerance * (1 + std::fabs(a));
}

/** Whether two results of one search are the same: equal, or, if there is a tolerance, distances
 * are near and a label that only one row has is at the distance of the row's end.
 */
inline testing::AssertionResult same_results(
        float tolerance, const Results& actual, const Results& expected, idx_t k) {
    if (actual.labels.size() != expected.labels.size())
        return testing::AssertionFailure()
               << actual.labels.size() << " results, not " << expected.labels.size();
    const auto width = static_cast<size_t>(k);
    for (size_t i = 0; i < actual.labels.size(); ++i) {
        if (!near(tolerance, actual.distances[i], expected.distances[i]))
            return testing::AssertionFailure()
                   << "query " << i / width << ", place " << i % width << ": distance "
                   << actual.distances[i] << ", not " << expected.distances[i];
        const size_t row = i / width * width, last = row + width - 1;
        const auto begin = expected.labels.begin() + static_cast<std::ptrdiff_t>(row);
        const auto end = begin + static_cast<std::ptrdiff_t>(width);
        const auto found = std::find(begin, end, actual.labels[i]);
        const float distance =
                expected.distances
                        [found == end ? last
                                      : static_cast<size_t>(found - expected.labels.begin())];
        const bool same = tolerance == 0 ? actual.labels[i] == expected.labels[i]
                                         : near(tolerance, distance, actual.distances[i]);
        if (!same || (actual.labels[i] < 0) != (expected.labels[i] < 0))
            return testing::AssertionFailure()
                   << "query " << i / width << ", place " << i % width << ": label "
                   << actual.labels[i] << ", not " << expected.labels[i];
    }
    return testing::AssertionSuccess();
}

/// The labels of query q, without the -1s.
inline std::vector<idx_t> found_by(const Results& results, idx_t q, idx_t k) {
    std::vector<idx_t> labels;
    for (idx_t i = q * k; i < (q + 1) * k; ++i)
        if (results.labels[static_cast<size_t>(i)] >= 0)
            labels.push_back(results.labels[static_cast<size_t>(i)]);
    return labels;
}

inline std::vector<idx_t> sorted(std::vector<idx_t> labels) {
    std::sort(labels.begin(), labels.end());
    return labels;
}

/// The first k of each row of results of a larger k.
inline Results first_of(const Results& results, idx_t larger_k, idx_t k) {
    Results first;
    for (size_t i = 0; i < results.labels.size(); ++i)
        if (static_cast<idx_t>(i) % larger_k < k) {
            first.distances.push_back(results.distances[i]);
            first.labels.push_back(results.labels[i]);
        }
    return first;
}

/// The mean squared difference of two arrays; NaN if one has another size.
inline double squared_error(const std::vector<float>& a, const std::vector<float>& b) {
    double sum = a.size() == b.size() ? 0 : std::nan("");
    for (size_t i = 0; i < std::min(a.size(), b.size()); ++i)
        sum += std::pow(static_cast<double>(a[i]) - static_cast<double>(b[i]), 2);
    return sum / static_cast<double>(a.size());
}

/// The mean squared distance of a component of vectors to its mean.
inline double variance(const std::vector<float>& x) {
    std::vector<double> mean(kDimension);
    for (size_t i = 0; i < x.size(); ++i)
        mean[i % kDimension] +=
                static_cast<double>(x[i]) * kDimension / static_cast<double>(x.size());
    double sum = 0;
    for (size_t i = 0; i < x.size(); ++i)
        sum += std::pow(static_cast<double>(x[i]) - mean[i % kDimension], 2);
    return sum / static_cast<double>(x.size());
}

template <class Call>
void expect_refused(const Call& call) {
    EXPECT_THROW(call(), faiss::FaissException);
}

/// A kind of index. Each test states a behaviour of faiss::Index, which FAISS's indexes show and
/// ours share.
class Conformance : public testing::TestWithParam<Kind> {
protected:
    static faiss::MetricType metric() { return GetParam().metric; }

    static bool near(float a, float b) { return bqq::test::near(GetParam().tolerance(), a, b); }
    static testing::AssertionResult same_results(
            const Results& actual, const Results& expected, idx_t k) {
        return bqq::test::same_results(GetParam().tolerance(), actual, expected, k);
    }
    /// Of a search that FAISS's coarse quantizer has chosen the lists of.
    static testing::AssertionResult same_but_for_coarse(
            const Results& actual, const Results& expected, idx_t k) {
        const float tolerance = std::max(GetParam().tolerance(), kOfFaissDistances);
        return bqq::test::same_results(tolerance, actual, expected, k);
    }

    static std::unique_ptr<faiss::Index> untrained() { return make_untrained(GetParam()); }

    /// Trained on base(), searches exhaustively
    template <class T = faiss::Index>
    static std::unique_ptr<T> trained() {
        return from_bytes<T>(trained_bytes(GetParam()));
    }

    /// Holds rows begin to end of base()
    template <class T = faiss::Index>
    static std::unique_ptr<T> filled(idx_t begin = 0, idx_t end = kVectors) {
        auto index = trained<T>();
        add_base(*index, begin, end);
        return index;
    }

    /// The results of filled(), once a process.
    static const Results& expected() {
        static std::map<std::pair<std::string, int>, Results> cache;
        Results& results = cache[{GetParam().factory, static_cast<int>(metric())}];
        if (results.labels.empty()) results = search(*filled(), queries(), kK);
        return results;
    }

    /// The index finds what filled() finds.
    static void expect_filled(const faiss::Index& index) {
        EXPECT_EQ(index.ntotal, kVectors);
        EXPECT_TRUE(same_results(search(index, queries(), kK), expected(), kK));
    }

    static void expect_same_search(
            const faiss::Index& actual, const faiss::Index& wanted, idx_t k = kK) {
        EXPECT_EQ(actual.ntotal, wanted.ntotal);
        EXPECT_TRUE(same_results(search(actual, queries(), k), search(wanted, queries(), k), k));
    }

    /// Vectors that the index decoded are equal; but for rounding, where a BLAS library had a part
    /// in them: it may add up in another order in a batch of another size.
    static void expect_same_vectors(
            const std::vector<float>& actual, const std::vector<float>& expected) {
        if (GetParam().has("PCA"))
            EXPECT_THAT(actual, testing::Pointwise(testing::FloatNear(1e-5f), expected));
        else
            EXPECT_EQ(actual, expected);
    }

    static constexpr idx_t kK = 10;
};

/// The factory string and the metric, as a name of a test.
inline std::string kind_name(const testing::TestParamInfo<Kind>& info) {
    std::string name = info.param.factory;
    for (char& c : name)
        if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
    return name + (info.param.metric == faiss::METRIC_L2 ? "_L2" : "_InnerProduct");
}

} // namespace bqq::test

/// A suite of tests for some kinds of indexes.
#define BQQ_CONFORMANCE_SUITE(suite, kinds)         \
    class suite : public bqq::test::Conformance {}; \
    INSTANTIATE_TEST_SUITE_P(Conformance, suite, testing::ValuesIn(kinds), bqq::test::kind_name)
