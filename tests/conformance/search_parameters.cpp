// Parameters of a single search.
#include "parameters.h"

namespace {

using namespace bqq::test;
using bqq::idx_t;

BQQ_CONFORMANCE_SUITE(Parameters, kinds_with({Feature::class_of_parameters}));
BQQ_CONFORMANCE_SUITE(ParametersAlone, kinds_with({Feature::selectors}));
BQQ_CONFORMANCE_SUITE(ProbeParameters, kinds_with({Feature::probes, Feature::search_parameters}));
BQQ_CONFORMANCE_SUITE(ZeroProbes, kinds_with({Feature::probes, Feature::zero_probes_are_checked}));
BQQ_CONFORMANCE_SUITE(TooManyProbes, kinds_with({Feature::probes, Feature::too_many_probes}));
BQQ_CONFORMANCE_SUITE(
        MaxCodesInsideAList, kinds_with(
                                     {Feature::probes, Feature::search_parameters,
                                      Feature::max_codes, Feature::truncates_lists}));
BQQ_CONFORMANCE_SUITE(
        MaxCodes, kinds_with({Feature::probes, Feature::search_parameters, Feature::max_codes}));

/// Results under parameters for a single search.
Results search_with(const faiss::Index& index, size_t nprobe, size_t max_codes = 0) {
    faiss::SearchParametersIVF parameters;
    parameters.nprobe = nprobe;
    parameters.max_codes = max_codes;
    return search(index, queries(), 10, &parameters);
}

/// Results of an index whose own nprobe is this.
Results search_at(faiss::Index& index, size_t nprobe) {
    inverted_file(&index)->nprobe = nprobe;
    return search(index, queries(), 10);
}

TEST_P(Parameters, OfAnotherClassAreRefused) {
    struct Foreign : faiss::SearchParameters {};
    const Foreign foreign;
    const auto index = filled();
    expect_refused([&] { search(*index, queries(), 3, &foreign); });
    expect_filled(*index);
}

TEST_P(ParametersAlone, ChangeNothing) {
    const auto index = filled();
    const auto parameters = parameters_for(GetParam());
    EXPECT_TRUE(same_results(search(*index, queries(), kK, parameters.get()), expected(), kK));
}

TEST_P(ProbeParameters, OverrideTheIndexsNprobe) {
    const auto index = filled();
    const Results one = search_at(*index, 1), four = search_at(*index, 4);
    EXPECT_NE(one, four);
    for (const size_t own : {size_t{1}, size_t{4}, size_t{kLists}}) {
        inverted_file(index.get())->nprobe = own;
        EXPECT_TRUE(same_results(search_with(*index, 1), one, kK)) << own;
        EXPECT_TRUE(same_results(search_with(*index, 4), four, kK)) << own;
        EXPECT_TRUE(same_results(search_with(*index, kLists), expected(), kK)) << own;
        EXPECT_EQ(inverted_file(index.get())->nprobe, own);
    }
}

TEST_P(ProbeParameters, MoreProbesFindNoLessGood) {
    const auto index = filled();
    Results last = search_at(*index, 1);
    for (const size_t nprobe : {size_t{2}, size_t{5}, size_t{kLists}}) {
        const Results results = search_at(*index, nprobe);
        for (size_t i = 0; i < results.labels.size(); ++i) {
            const float now = results.distances[i], before = last.distances[i];
            EXPECT_TRUE(near(now, before) || is_better(metric(), now, before)) << nprobe;
        }
        last = results;
    }
}

TEST_P(ZeroProbes, Throw) {
    const auto index = filled();
    expect_refused([&] { search_at(*index, 0); });
    expect_refused([&] { search_with(*index, 0); });
    search_at(*index, kLists);
    expect_filled(*index);
}

TEST_P(TooManyProbes, AreAllLists) {
    const auto index = filled();
    EXPECT_TRUE(same_results(search_at(*index, kLists + 1), expected(), kK));
    EXPECT_TRUE(same_results(search_at(*index, 100000), expected(), kK));
    EXPECT_TRUE(same_results(search_at(*index, kLists), expected(), kK));
}

TEST_P(MaxCodes, ScansFewer) {
    const auto index = filled();
    const Results few = search_with(*index, kLists, 1);
    faiss::SearchParametersIVF one_probe;
    one_probe.nprobe = 1;
    const Results nearest_list = search(*index, queries(), kVectors, &one_probe);
    for (idx_t q = 0; q < kQueries; ++q) {
        const std::vector<idx_t> list = found_by(nearest_list, q, kVectors);
        for (const idx_t label : found_by(few, q, kK))
            EXPECT_EQ(std::count(list.begin(), list.end(), label), 1)
                    << "a list that has max_codes codes is the last";
    }
    EXPECT_FALSE(same_results(few, expected(), kK));
    EXPECT_TRUE(same_results(search_with(*index, kLists, kVectors), expected(), kK));
    auto* ivf = inverted_file(index.get());
    ivf->nprobe = ivf->nlist;
    ivf->max_codes = 1;
    EXPECT_TRUE(same_results(search(*index, queries(), kK), few, kK));
}

TEST_P(MaxCodesInsideAList, EndsTheScan) {
    const auto index = filled();
    for (const size_t most : {size_t{1}, size_t{7}}) {
        const Results results = search_with(*index, kLists, most);
        for (idx_t q = 0; q < kQueries; ++q) EXPECT_EQ(found_by(results, q, kK).size(), most);
    }
}

} // namespace
