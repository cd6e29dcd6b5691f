#pragma once

#include <bqq/index/IndexBQQ.h>

#include "random_data.h"
#include "search_results.h"

#include <faiss/impl/FaissException.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace bqq::test::flat {

inline constexpr idx_t kDimension = 16, kVectors = 600;
inline constexpr size_t kAtoms = 40;

inline const std::vector<float>& base() {
    static const std::vector<float> x = gaussian_vectors(kVectors, kDimension, 1);
    return x;
}

inline const std::vector<float>& queries() {
    static const std::vector<float> x = gaussian_vectors(40, kDimension, 2);
    return x;
}

inline std::vector<float> rows(const std::vector<float>& x, idx_t begin, idx_t end) {
    return {x.begin() + begin * kDimension, x.begin() + end * kDimension};
}

/// Trained on base() and empty; training is done once a metric.
inline IndexBQQ trained_index(faiss::MetricType metric = faiss::METRIC_L2) {
    const auto make = [](faiss::MetricType m) {
        IndexBQQ index(kDimension, kAtoms, m);
        index.train(kVectors, base().data());
        return index;
    };
    static const IndexBQQ l2 = make(faiss::METRIC_L2);
    static const IndexBQQ inner_product = make(faiss::METRIC_INNER_PRODUCT);
    return metric == faiss::METRIC_L2 ? l2 : inner_product;
}

inline IndexBQQ filled_index(faiss::MetricType metric = faiss::METRIC_L2) {
    IndexBQQ index = trained_index(metric);
    index.add(kVectors, base().data());
    return index;
}

/// An index to which a call that fails does nothing.
class Unchanged {
public:
    explicit Unchanged(const IndexBQQ& index)
            : index_(index), codes_(codes_of(index)), is_trained_(index.is_trained) {}
    ~Unchanged() {
        EXPECT_EQ(codes_of(index_), codes_);
        EXPECT_EQ(index_.is_trained, is_trained_);
    }

private:
    const IndexBQQ& index_;
    std::vector<uint8_t> codes_;
    bool is_trained_;
};

template <class Call>
void expect_error(const Call& call, const std::string& part, const std::string& other = "") {
    EXPECT_THAT(
            call, testing::ThrowsMessage<faiss::FaissException>(
                          testing::AllOf(testing::HasSubstr(part), testing::HasSubstr(other))));
}

} // namespace bqq::test::flat
