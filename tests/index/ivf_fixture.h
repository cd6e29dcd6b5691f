#pragma once

#include "codec/basis.h"
#include "conformance/kinds.h"
#include "random_data.h"
#include "search_results.h"

#include <bqq/index/IndexIVFBQQ.h>
#include <bqq/index/index_factory.h>
#include <bqq/index/index_io.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace bqq::test {

inline constexpr size_t kDimension = 16;
inline constexpr size_t kLists = 12;
inline constexpr size_t kBits = 48;
inline constexpr idx_t kVectors = 1500;
inline constexpr idx_t kK = 10;

inline const std::vector<float>& vectors() {
    static const std::vector<float> x = gaussian_vectors(kVectors, kDimension, 1);
    return x;
}

inline const std::vector<float>& queries() {
    static const std::vector<float> x = gaussian_vectors(40, kDimension, 2);
    return x;
}

inline std::unique_ptr<faiss::Index> make(
        const std::string& description, faiss::MetricType metric) {
    auto index = std::unique_ptr<faiss::Index>(
            bqq::index_factory(static_cast<int>(kDimension), description, metric));
    index->train(kVectors, vectors().data());
    return index;
}

inline IndexIVFBQQ& as_ivf(faiss::Index& index) {
    return dynamic_cast<IndexIVFBQQ&>(index);
}

/// With one basis and with groups of lists.
inline auto ivf_kinds() {
    return testing::Values(
            Kind{"IVF12,BQQ48", faiss::METRIC_L2}, Kind{"IVF12,BQQ48", faiss::METRIC_INNER_PRODUCT},
            Kind{"IVF12,BQQ48g3", faiss::METRIC_L2},
            Kind{"IVF12,BQQ48g3", faiss::METRIC_INNER_PRODUCT});
}

inline std::string ivf_kind_name(const testing::TestParamInfo<Kind>& info) {
    return std::string(info.param.metric == faiss::METRIC_L2 ? "L2" : "InnerProduct") +
           (info.param.has("g3") ? "Groups" : "");
}

class IVF : public testing::TestWithParam<Kind> {
protected:
    IVF() : owner_(bqq::clone_index(&filled(GetParam()))), index(as_ivf(*owner_)) {}

    /// Trained once for all tests.
    static const faiss::Index& filled(const Kind& kind) {
        static std::map<std::pair<std::string, faiss::MetricType>, std::unique_ptr<faiss::Index>>
                indexes;
        std::unique_ptr<faiss::Index>& made = indexes[{kind.factory, kind.metric}];
        if (made == nullptr) {
            made = make(kind.factory, kind.metric);
            made->add(kVectors, vectors().data());
            as_ivf(*made).nprobe = 5;
        }
        return *made;
    }

private:
    std::unique_ptr<faiss::Index> owner_;

protected:
    IndexIVFBQQ& index;
    static faiss::MetricType metric() { return GetParam().metric; }
    static bool l2() { return metric() == faiss::METRIC_L2; }

    /// The score of a stored vector by its definition, in double.
    double score(const float* q, idx_t list, size_t offset) const {
        const faiss::InvertedLists::ScopedCodes code(
                index.invlists, static_cast<size_t>(list), offset);
        const bqq::Basis& basis =
                index.codec().basis(index.list_basis()[static_cast<size_t>(list)]);
        const std::vector<float> B = basis.expanded();
        const bqq::StoredScales scales =
                basis.scales.decode(code.codes + index.codec().bits_size());
        std::vector<float> centroid(kDimension);
        index.quantizer->reconstruct(list, centroid.data());
        double ws = 0;
        double from_centroid = 0;
        for (size_t j = 0; j < kDimension; ++j) {
            const double from =
                    l2() ? static_cast<double>(q[j]) - static_cast<double>(basis.mean[j])
                         : static_cast<double>(q[j]);
            for (size_t k = 0; k < kBits; ++k) {
                const double b = B[k * kDimension + j];
                ws += (code.codes[k / 8] >> (k % 8) & 1) != 0 ? b * from : -b * from;
            }
            const double difference = static_cast<double>(q[j]) - static_cast<double>(centroid[j]);
            from_centroid += l2() ? difference * difference
                                  : static_cast<double>(index.centroid_scale()) *
                                             static_cast<double>(q[j]) *
                                             static_cast<double>(centroid[j]);
        }
        const double unit = basis.scale;
        if (!l2()) return from_centroid + unit * static_cast<double>(scales.alpha) * ws;
        return from_centroid + unit * unit * static_cast<double>(scales.nu) -
               2 * unit * static_cast<double>(scales.alpha) * ws;
    }

    void expect_same(const Results& found, const Results& expected) const {
        ASSERT_EQ(found.labels, expected.labels);
        for (size_t i = 0; i < found.distances.size(); ++i)
            ASSERT_NEAR(
                    found.distances[i], expected.distances[i],
                    1e-5f * (1 + std::fabs(expected.distances[i])));
    }
};

inline std::string metric_name(const testing::TestParamInfo<faiss::MetricType>& kind) {
    return kind.param == faiss::METRIC_L2 ? "L2" : "InnerProduct";
}

} // namespace bqq::test
