#include "ivf_fixture.h"

#include <faiss/impl/DistanceComputer.h>

namespace code_distances_test {

using namespace bqq::test;
using bqq::idx_t;

class CodeDistances : public testing::TestWithParam<faiss::MetricType> {};
INSTANTIATE_TEST_SUITE_P(
        Metrics, CodeDistances, testing::Values(faiss::METRIC_L2, faiss::METRIC_INNER_PRODUCT),
        metric_name);

TEST_P(CodeDistances, DistancesBetweenCodesAreThoseOfDecodedQueries) {
    const auto owner = make("BQQ48", GetParam());
    owner->add(50, vectors().data());
    const std::unique_ptr<faiss::DistanceComputer> between(owner->get_distance_computer());
    const std::unique_ptr<faiss::DistanceComputer> from(owner->get_distance_computer());
    std::vector<float> decoded(kDimension);
    for (idx_t j = 0; j < 50; j += 7) {
        owner->reconstruct(j, decoded.data());
        from->set_query(decoded.data());
        // L2 takes the stored norm of the second vector where the decoded query has its own.
        double offset = 0;
        for (idx_t i = 0; i < 50; ++i) {
            const double difference = static_cast<double>(between->symmetric_dis(i, j)) -
                                      static_cast<double>((*from)(i));
            if (i == 0) offset = difference;
            EXPECT_NEAR(difference, GetParam() == faiss::METRIC_L2 ? offset : 0, 1e-4);
        }
    }
}

} // namespace code_distances_test
