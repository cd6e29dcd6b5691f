#pragma once

#include "random_data.h"
#include "search_results.h"

#include <bqq/IndexIVFBQQ.h>
#include <bqq/index_factory.h>
#include <bqq/index_io.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <memory>
#include <string>
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

class IVF : public testing::TestWithParam<faiss::MetricType> {
protected:
    IVF() : owner_(bqq::clone_index(&filled(GetParam()))), index(as_ivf(*owner_)) {}

    /// Trained once for all tests.
    static const faiss::Index& filled(faiss::MetricType metric) {
        static std::map<faiss::MetricType, std::unique_ptr<faiss::Index>> indexes;
        std::unique_ptr<faiss::Index>& made = indexes[metric];
        if (made == nullptr) {
            made = make("IVF12,BQQ48", metric);
            made->add(kVectors, vectors().data());
            as_ivf(*made).nprobe = 5;
        }
        return *made;
    }

private:
    std::unique_ptr<faiss::Index> owner_;

protected:
    IndexIVFBQQ& index;
    bool l2() const { return GetParam() == faiss::METRIC_L2; }

    /// The score of a stored vector by its definition, in double.
    double score(const float* q, idx_t list, size_t offset) const {
        const faiss::InvertedLists::ScopedCodes code(
                index.invlists, static_cast<size_t>(list), offset);
        const bqq::Basis& basis = index.bqq.basis();
        const bqq::StoredScales scales =
                index.bqq.scales().decode(code.codes + index.bqq.bits_size());
        std::vector<float> centroid(kDimension);
        index.quantizer->reconstruct(list, centroid.data());
        double ws = 0;
        double from_centroid = 0;
        for (size_t j = 0; j < kDimension; ++j) {
            const double from =
                    l2() ? static_cast<double>(q[j]) - static_cast<double>(basis.mean[j])
                         : static_cast<double>(q[j]);
            for (size_t k = 0; k < kBits; ++k) {
                const double b = basis.B[k * kDimension + j];
                ws += (code.codes[k / 8] >> (k % 8) & 1) != 0 ? b * from : -b * from;
            }
            const double difference = static_cast<double>(q[j]) - static_cast<double>(centroid[j]);
            from_centroid += l2() ? difference * difference
                                  : static_cast<double>(index.centroid_scale) *
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
