// Searches with selectors that allow few vectors.
#include "index_bytes.h"
#include "random_data.h"
#include "search_results.h"

#include <bqq/index/IndexHNSWBQQ.h>
#include <bqq/index/IndexIVFBQQ.h>
#include <bqq/index/index_factory.h>
#include <faiss/impl/IDSelector.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace narrow_selectors_test {

using bqq::idx_t;
using bqq::test::Results;
using bqq::test::search;

constexpr int kD = 24, kK = 10;
constexpr idx_t kVectors = 20000, kQueries = 40, kLists = 100;

const std::vector<float>& base() {
    static const std::vector<float> x = bqq::test::gaussian_vectors(kVectors, kD, 1);
    return x;
}

const std::vector<float>& queries() {
    static const std::vector<float> x = bqq::test::gaussian_vectors(kQueries, kD, 2);
    return x;
}

std::unique_ptr<faiss::Index> made(const std::string& factory) {
    auto index = bqq::index_factory(kD, factory);
    index->train(4000, base().data());
    index->add(kVectors, base().data());
    return index;
}

bqq::IndexIVFBQQ& inverted_file() {
    static const auto index = made("IVF" + std::to_string(kLists) + ",BQQ48");
    auto& ivf = dynamic_cast<bqq::IndexIVFBQQ&>(*index);
    ivf.nprobe = 6;
    return ivf;
}

const bqq::IndexHNSWBQQ& graph() {
    static const auto index = made("HNSW16,BQQ192");
    auto& graph = dynamic_cast<bqq::IndexHNSWBQQ&>(*index);
    graph.hnsw.efSearch = 4; // few steps, and long codes: for wide selectors they are quicker
    return graph;
}

/// Every `step`-th id.
faiss::IDSelectorBatch every(idx_t step) {
    std::vector<idx_t> ids;
    for (idx_t i = step / 2; i < kVectors; i += step) ids.push_back(i);
    return {ids.size(), ids.data()};
}

/// The part of what a search finds that one over all codes finds, and must not be less.
double found_of(const Results& results, const Results& all) {
    for (size_t row = 0; row < static_cast<size_t>(kQueries); ++row)
        EXPECT_EQ(
                std::count(
                        results.labels.begin() + row * kK, results.labels.begin() + (row + 1) * kK,
                        -1),
                std::count(all.labels.begin() + row * kK, all.labels.begin() + (row + 1) * kK, -1));
    size_t hits = 0, wanted = 0;
    for (size_t i = 0; i < all.labels.size(); ++i) {
        if (all.labels[i] < 0) continue;
        ++wanted;
        const auto row = results.labels.begin() + static_cast<std::ptrdiff_t>(i / kK * kK);
        hits += std::find(row, row + kK, all.labels[i]) != row + kK ? 1 : 0;
    }
    return static_cast<double>(hits) / static_cast<double>(wanted);
}

Results search_ivf(
        const faiss::IDSelector* sel, size_t nprobe, bool widen,
        const std::vector<float>& x = queries()) {
    bqq::IVFSearchParametersBQQ parameters;
    parameters.nprobe = nprobe;
    parameters.sel = const_cast<faiss::IDSelector*>(sel);
    parameters.widen_for_selector = widen;
    return search(inverted_file(), x, kK, &parameters);
}

TEST(NarrowSelectors, AnInvertedFileVisitsAsManyListsAsItTakes) {
    const double unfiltered =
            found_of(search_ivf(nullptr, 6, true), search_ivf(nullptr, kLists, true));
    for (const idx_t step : {2, 10, 100, 1000, 10000}) {
        const auto sel = every(step);
        const Results all = search_ivf(&sel, kLists, false);
        EXPECT_GE(found_of(search_ivf(&sel, 6, true), all), step < 100 ? unfiltered - 0.02 : 0.98)
                << "1 of " << step;
    }
    const auto sel = every(1000);
    const Results narrow = search_ivf(&sel, 6, false);
    EXPECT_GT(std::count(narrow.labels.begin(), narrow.labels.end(), -1), kQueries);
}

TEST(NarrowSelectors, WhatIsAllowedMayBeFarFromTheQuery) {
    // The vectors of a tenth of the lists: those farthest from the first query.
    bqq::IndexIVFBQQ& index = inverted_file();
    std::vector<float> distances(kLists);
    std::vector<idx_t> lists(kLists), ids;
    index.quantizer->search(1, queries().data(), kLists, distances.data(), lists.data());
    for (idx_t i = kLists * 9 / 10; i < kLists; ++i) {
        const auto list = static_cast<size_t>(lists[static_cast<size_t>(i)]);
        for (size_t p = 0; p < index.get_list_size(list); ++p)
            ids.push_back(index.invlists->get_single_id(list, p));
    }
    const faiss::IDSelectorBatch sel(ids.size(), ids.data());
    const std::vector<float> query(queries().begin(), queries().begin() + kD);
    EXPECT_EQ(search_ivf(&sel, 2, true, query), search_ivf(&sel, kLists, false, query));
    EXPECT_EQ(search_ivf(&sel, 2, false, query).labels.back(), -1);
}

TEST(NarrowSelectors, AnInvertedFileWithoutWideningIsFaisss) {
    const auto sel = every(100);
    const Results parameters = search_ivf(&sel, 6, false);
    inverted_file().widen_for_selector = false;
    faiss::SearchParametersIVF plain;
    plain.nprobe = 6;
    plain.sel = const_cast<faiss::IDSelectorBatch*>(&sel);
    EXPECT_EQ(search(inverted_file(), queries(), kK, &plain), parameters);
    const auto read = bqq::test::from_bytes(bqq::test::to_bytes(inverted_file()));
    EXPECT_FALSE(dynamic_cast<const bqq::IndexIVFBQQ&>(*read).widen_for_selector);
    EXPECT_EQ(search(*read, queries(), kK, &plain), parameters);
    const bqq::IndexIVFBQQ copy(inverted_file());
    EXPECT_FALSE(copy.widen_for_selector);
    inverted_file().widen_for_selector = true;
    EXPECT_NE(search(inverted_file(), queries(), kK, &plain), parameters);
}

TEST(NarrowSelectors, AQueryAloneFindsWhatItFindsInABatch) {
    for (const idx_t step : {10, 1000}) {
        const auto sel = every(step);
        const Results batch = search_ivf(&sel, 3, true);
        for (size_t i = 0; i < 5; ++i) {
            const std::vector<float> query(
                    queries().begin() + static_cast<std::ptrdiff_t>(i * kD),
                    queries().begin() + static_cast<std::ptrdiff_t>((i + 1) * kD));
            const Results one = search_ivf(&sel, 3, true, query);
            EXPECT_TRUE(std::equal(
                    one.labels.begin(), one.labels.end(),
                    batch.labels.begin() + static_cast<std::ptrdiff_t>(i * kK)));
        }
    }
}

TEST(NarrowSelectors, AGraphScansCodesOrSearchesMore) {
    const auto unfiltered = search(graph(), queries(), kK);
    const double reached = found_of(unfiltered, search(*graph().storage, queries(), kK));
    for (const idx_t step : {2, 3, 100, 1000, 10000}) {
        const auto sel = every(step);
        faiss::SearchParametersHNSW parameters;
        parameters.sel = const_cast<faiss::IDSelectorBatch*>(&sel);
        parameters.efSearch = 4;
        faiss::SearchParameters flat;
        flat.sel = parameters.sel;
        const Results all = search(*graph().storage, queries(), kK, &flat);
        EXPECT_GE(
                found_of(search(graph(), queries(), kK, &parameters), all),
                step < 100 ? reached - 0.02 : 1)
                << "1 of " << step;
        EXPECT_GE(
                found_of(search(graph(), queries(), kK, &flat), all),
                step < 100 ? reached - 0.02 : 1);
    }
}

TEST(NarrowSelectors, NothingIsAllowedOrNothingIsThere) {
    const faiss::IDSelectorRange none(kVectors, kVectors + 5);
    const Results found = search_ivf(&none, 6, true);
    EXPECT_EQ(std::count(found.labels.begin(), found.labels.end(), -1), kQueries * kK);
    const auto empty = bqq::index_factory(kD, "IVF4,BQQ16");
    empty->train(4000, base().data());
    faiss::SearchParametersIVF parameters;
    parameters.sel = const_cast<faiss::IDSelectorRange*>(&none);
    EXPECT_EQ(search(*empty, queries(), 1, &parameters).labels.front(), -1);
    const auto empty_graph = bqq::index_factory(kD, "HNSW8,BQQ16");
    empty_graph->train(4000, base().data());
    faiss::SearchParameters flat;
    flat.sel = parameters.sel;
    EXPECT_EQ(search(*empty_graph, queries(), 1, &flat).labels.front(), -1);
}

} // namespace narrow_selectors_test
