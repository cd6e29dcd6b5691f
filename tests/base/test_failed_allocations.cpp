#include "base/omp_threads.h"
#include "base/parallel_for.h"
#include "codec/quantizer_fixture.h"
#include "failing_allocator.h"
#include "random_data.h"
#include "search/list_search.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <functional>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

namespace failed_allocations_test {

using bqq::CodeLists;
using bqq::CodesWithin;
using bqq::Metric;
using bqq::NearestCodes;
using bqq::OmpThreads;
using bqq::Quantizer;
using bqq::test::Encoded;
using bqq::test::encoded;
using bqq::test::fail_each_allocation;
using bqq::test::FailingAllocator;

TEST(ParallelFor, CarriesTheFirstExceptionAndStops) {
    for (const int threads : {1, 2, 4}) {
        const OmpThreads limit(threads);
        std::atomic<size_t> calls = 0;
        EXPECT_THROW(
                bqq::parallel_for(
                        100'000,
                        [&](size_t i) {
                            ++calls;
                            if (i == 50) throw std::out_of_range("50");
                        }),
                std::out_of_range);
        EXPECT_LT(calls, 100'000u);
        // A state that cannot be made is as a body that throws.
        EXPECT_THROW(
                bqq::parallel_for_with(
                        10, []() -> int { throw std::bad_alloc(); }, [](int, size_t) {}),
                std::bad_alloc);
    }
}

TEST(ParallelFor, CallsEachOnceWithAStateOfItsThread) {
    for (const int threads : {1, 3}) {
        const OmpThreads limit(threads);
        std::vector<std::atomic<int>> calls(1000);
        std::atomic<int> states = 0;
        std::atomic<int> largest = 0;
        bqq::parallel_ranges_with(
                1000, 7, [&] { return states++; },
                [&](int state, size_t begin, size_t end) {
                    if (state > largest) largest = state;
                    EXPECT_TRUE(end - begin == 7 || end == 1000);
                    for (size_t i = begin; i < end; ++i) ++calls[i];
                });
        for (const std::atomic<int>& count : calls) EXPECT_EQ(count, 1);
        EXPECT_LE(states, threads);
        EXPECT_LT(largest, states);
    }
    bqq::parallel_for(0, [](size_t) { FAIL(); });
}

constexpr size_t kDimension = 8, kAtoms = 8, kVectors = 1000;

/// Wherever memory ends, an exception reaches the caller, and what it had is as it was.
class FailedAllocations : public testing::TestWithParam<size_t> {
protected:
    const OmpThreads threads{2};
    const std::vector<float> x = [] {
        std::vector<float> all = bqq::test::gaussian_vectors(kVectors, kDimension, 1);
        for (size_t i = 0; i < all.size(); ++i)
            all[i] += static_cast<float>(i / kDimension % 2) * 5;
        return all;
    }();
    const size_t bases = GetParam();

    Quantizer trained() const {
        return bqq::test::trained(x, kDimension, kAtoms, Metric::l2, 4, bases);
    }
    /// Calls make_f's result with memory that ends at about 200 places spread over its allocations.
    template <class MakeF, class AfterFailure>
    static void fail_throughout(const MakeF& make_f, const AfterFailure& after_failure) {
        size_t most = 1;
        for (bool has_failed = true; has_failed; most *= 2) {
            auto f = make_f();
            const FailingAllocator allocator(most);
            try {
                f();
            } catch (const std::bad_alloc&) {
            }
            has_failed = allocator.has_failed();
        }
        EXPECT_GE(fail_each_allocation(make_f, after_failure, 1 + most / 400), 3u);
    }
};
INSTANTIATE_TEST_SUITE_P(OneBasisAndTwo, FailedAllocations, testing::Values(1, 2));

TEST_P(FailedAllocations, OfTraining) {
    bqq::TrainingParameters parameters;
    parameters.rounds = 2; // one in float, one in planes
    Quantizer quantizer(kDimension, kAtoms, Metric::l2, 4, bases);
    fail_throughout(
            [&] {
                quantizer = Quantizer(kDimension, kAtoms, Metric::l2, 4, bases);
                return [&] { quantizer.train(x, parameters); };
            },
            [&](size_t allowed) { EXPECT_FALSE(quantizer.is_trained()) << allowed; });
    EXPECT_EQ(quantizer.bases(), bases);
    const Quantizer before = quantizer;
    EXPECT_THROW(
            {
                const FailingAllocator allocator(100);
                quantizer.train(x);
            },
            std::bad_alloc);
    EXPECT_EQ(quantizer, before);
}

TEST_P(FailedAllocations, OfEncodingAndDecoding) {
    Quantizer quantizer = trained();
    ASSERT_EQ(quantizer.bases(), bases);
    const Encoded codes = encoded(quantizer, x);
    const std::vector<float> y = bqq::test::decoded(quantizer, codes);
    Encoded result = codes;
    fail_throughout(
            [&] {
                quantizer.release_encoder();
                return [&] { quantizer.encode(x, result.codes, result.lists); };
            },
            [&](size_t) { EXPECT_EQ(encoded(quantizer, x), codes); });
    EXPECT_EQ(result, codes);
    std::vector<float> decoded(y.size());
    fail_throughout(
            [&] { return [&] { quantizer.decode(codes.codes, codes.lists, decoded); }; },
            [](size_t) {});
    EXPECT_EQ(decoded, y);
}

TEST_P(FailedAllocations, OfSearches) {
    const Quantizer quantizer = trained();
    const Encoded codes = encoded(quantizer, x);
    CodeLists lists(bases, quantizer.code_size(), CodeLists::Ids::positional);
    lists.append(kVectors, codes.codes.data(), codes.lists);
    const bqq::SearchedCodeLists searched(lists);
    const bqq::ListSearch search{quantizer, searched, bases, {}, {}, {}};
    constexpr size_t kQueries = 70;
    std::vector<bqq::Visit> visits;
    for (size_t q = 0; q < kQueries; ++q)
        for (size_t l = 0; l < bases; ++l)
            visits.push_back(
                    {static_cast<int64_t>(l), bqq::list_offset(
                                                      Metric::l2, x.data() + q * kDimension,
                                                      quantizer.basis(l).mean.data(), kDimension)});
    const bqq::VisitPlan plan{visits, bases};
    bqq::VisitPlan sliced = plan;
    sliced.slices = 2;

    std::vector<size_t> nearest(kQueries), within(kQueries);
    const std::function make_nearest = [&](size_t, double base) {
        return NearestCodes(bases, 5, kVectors, base);
    };
    const std::function finish_nearest = [&](size_t q, NearestCodes& found) {
        found.for_each(
                [&](bqq::Place place, double) { nearest[q] += place.position; },
                [](size_t, double) {});
    };
    const std::function make_within = [&](size_t, double base) { return CodesWithin(3, base); };
    const std::function finish_within = [&](size_t q, CodesWithin& found) {
        within[q] = found.size();
    };
    const auto check = [&](auto& sums, const auto& run) {
        run();
        const auto expected = sums;
        fail_throughout(
                [&] {
                    std::fill(sums.begin(), sums.end(), 0);
                    return run;
                },
                [](size_t) {});
        EXPECT_EQ(sums, expected);
    };
    check(nearest, [&] {
        bqq::search_all_lists<NearestCodes>(
                search, kQueries, x.data(), make_nearest, finish_nearest);
    });
    check(within, [&] {
        bqq::search_all_lists<CodesWithin>(search, kQueries, x.data(), make_within, finish_within);
    });
    for (const bqq::VisitPlan& visiting : {plan, sliced}) {
        std::fill(nearest.begin(), nearest.end(), 0);
        check(nearest, [&] {
            (void)bqq::search_visits<NearestCodes>(
                    search, kQueries, x.data(), visiting, make_nearest, finish_nearest);
        });
    }
}

} // namespace failed_allocations_test
