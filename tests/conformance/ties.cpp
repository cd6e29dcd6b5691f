// Vectors that are stored more than once.
#include "conformance.h"

namespace {

using namespace bqq::test;
using bqq::idx_t;

BQQ_CONFORMANCE_SUITE(Ties, all_kinds());

TEST_P(Ties, CopiesOfAVectorAreAllFoundAtOneDistance) {
    const auto index = filled(0, 100);
    std::vector<float> copies;
    for (int i = 0; i < 7; ++i)
        copies.insert(
                copies.end(), base().begin() + 3 * kDimension, base().begin() + 4 * kDimension);
    add(*index, copies, 100);
    std::vector<idx_t> ids = ids_of(*index, 100, 107);
    ids.insert(ids.begin(), id_of(*index, 3));
    const Results results = search(*index, queries(), 107);
    for (idx_t q = 0; q < kQueries; ++q) {
        const std::vector<idx_t> labels = found_by(results, q, 107);
        std::vector<float> distances;
        for (size_t i = 0; i < labels.size(); ++i)
            if (std::count(ids.begin(), ids.end(), labels[i]) != 0)
                distances.push_back(results.distances[static_cast<size_t>(q) * 107 + i]);
        EXPECT_EQ(distances, std::vector<float>(8, distances.empty() ? 0 : distances[0]));
    }
}

TEST_P(Ties, KOfManyCopiesAreDistinct) {
    const auto index = trained();
    std::vector<float> copies;
    for (int i = 0; i < 300; ++i)
        copies.insert(copies.end(), base().begin(), base().begin() + kDimension);
    add(*index, copies, 0);
    const Results results = search(*index, queries(), kK);
    for (idx_t q = 0; q < kQueries; ++q) {
        std::vector<idx_t> labels = sorted(found_by(results, q, kK));
        EXPECT_EQ(labels.size(), static_cast<size_t>(kK));
        EXPECT_EQ(std::adjacent_find(labels.begin(), labels.end()), labels.end());
        for (idx_t i = 1; i < kK; ++i)
            EXPECT_EQ(
                    results.distances[static_cast<size_t>(q * kK + i)],
                    results.distances[static_cast<size_t>(q * kK)]);
    }
}

} // namespace
