// Results do not depend on threads.
#include "base/omp_threads.h"
#include "conformance.h"

#include <thread>

namespace {

using namespace bqq::test;
using bqq::idx_t;
using bqq::OmpThreads;

BQQ_CONFORMANCE_SUITE(Threads, all_kinds());

TEST_P(Threads, ConcurrentSearchesGiveTheSame) {
    const auto index = filled();
    const Results wanted = expected();
    std::vector<Results> results(4);
    std::vector<std::thread> threads;
    for (Results& result : results)
        threads.emplace_back([&] {
            for (int i = 0; i < 3; ++i) result = search(*index, queries(), kK);
        });
    for (std::thread& thread : threads) thread.join();
    for (const Results& result : results) EXPECT_TRUE(same_results(result, wanted, kK));
}

TEST_P(Threads, NumberOfOpenMpThreadsDoesNotMatter) {
    for (const int adding : {1, 2}) {
        const auto index = [&] {
            const OmpThreads limit(adding);
            return filled();
        }();
        for (const int searching : {1, 2, 3}) {
            const OmpThreads limit(searching);
            expect_filled(*index);
        }
    }
}

} // namespace
