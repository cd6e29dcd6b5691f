#include "index/ClusteringIndex.h"

#include "base/parallel_for.h"
#include "codec/clustering.h"
#include "index/checks.h"
#include "nearest/nearest_rows.h"
#include "nearest/row_set.h"

#include <faiss/impl/AuxIndexStructures.h>
#include <faiss/impl/FaissAssert.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace bqq {

namespace {

// Vectors, or places, that are compared with centroids together.
constexpr size_t kRowsTogether = 48;
constexpr uint64_t kSeed = 1234;

/// What of n is at each of `places`: place p has members[begin[p]] to members[begin[p + 1] - 1].
struct Members {
    std::vector<size_t> begin;
    std::vector<uint32_t> members;

    Members(size_t places, std::span<const uint32_t> place_of)
            : begin(places + 1), members(place_of.size()) {
        for (const uint32_t place : place_of) ++begin[place + 1];
        std::partial_sum(begin.begin(), begin.end(), begin.begin());
        std::vector<size_t> end(begin.begin(), begin.end() - 1);
        for (size_t i = 0; i < place_of.size(); ++i)
            members[end[place_of[i]]++] = static_cast<uint32_t>(i);
    }
    size_t places() const { return begin.size() - 1; }
    std::span<const uint32_t> of(size_t place) const {
        return {members.data() + begin[place], begin[place + 1] - begin[place]};
    }
};

/// Rows of x, one after another.
void gather(const float* x, size_t d, std::span<const uint32_t> rows, std::vector<float>& to) {
    to.resize(rows.size() * d);
    for (size_t i = 0; i < rows.size(); ++i) std::copy_n(x + rows[i] * d, d, to.data() + i * d);
}

} // namespace

void ClusteringIndex::add(idx_t n, const float* x) {
    centroids_.insert(centroids_.end(), x, x + n * d);
    ntotal += n;
}

void ClusteringIndex::reset() {
    centroids_.clear();
    ntotal = 0;
}

void ClusteringIndex::search(
        idx_t n, const float* x, idx_t k, float* distances, idx_t* labels,
        const faiss::SearchParameters* params) const {
    FAISS_THROW_IF_NOT_MSG(k == 1 && params == nullptr, "clustering takes the nearest centroid");
    const auto size = static_cast<size_t>(ntotal);
    const auto dimension = static_cast<size_t>(d);
    if (last_.size() != static_cast<size_t>(n)) round_ = 0;
    last_.resize(static_cast<size_t>(n));
    if (round_++ % kRounds == 0) {
        const auto root = static_cast<size_t>(std::sqrt(size));
        const std::vector<float> means =
                cluster_means(size, centroids_.data(), dimension, root, 1, kSeed);
        RowSet(means.data(), means.size() / dimension, dimension)
                .find_nearest(last_.size(), x, last_.data());
        assign_near(means, std::min(size, kGroups * root), last_, x, distances);
    } else {
        assign_near(centroids_, kAround, last_, x, distances);
    }
    std::copy(last_.begin(), last_.end(), labels);
}

void ClusteringIndex::assign_near(
        std::span<const float> places, size_t count, std::span<const uint32_t> place_of,
        const float* x, float* distances) const {
    const auto dimension = static_cast<size_t>(d);
    const Metric metric = to_metric(metric_type);
    const Members members(places.size() / dimension, place_of);
    const std::vector<uint32_t> near = centroids_near(places, count);
    struct State {
        std::vector<float> centroids, vectors, keys;
    };
    const auto assign_those_of = [&](State& state, size_t place) {
        const std::span<const uint32_t> here = members.of(place);
        if (here.empty()) return;
        const std::span<const uint32_t> candidates(near.data() + place * count, count);
        gather(centroids_.data(), dimension, candidates, state.centroids);
        const RowSet set(state.centroids.data(), count, dimension, metric);
        for (size_t first = 0; first < here.size(); first += kRowsTogether) {
            const auto some = here.subspan(first, std::min(kRowsTogether, here.size() - first));
            gather(x, dimension, some, state.vectors);
            state.keys.resize(some.size() * count);
            set.compute_keys(some.size(), state.vectors.data(), state.keys.data());
            for (size_t i = 0; i < some.size(); ++i) {
                const float* keys = state.keys.data() + i * count;
                const float* best = std::min_element(keys, keys + count);
                last_[some[i]] = candidates[static_cast<size_t>(best - keys)];
                distances[some[i]] = metric == Metric::l2 ? *best : -*best;
            }
        }
    };
    // A call can be interrupted between batches.
    constexpr size_t kBatch = 1024;
    for (size_t begin = 0; begin < members.places(); begin += kBatch) {
        faiss::InterruptCallback::check();
        parallel_for_with(
                std::min(kBatch, members.places() - begin), [] { return State(); },
                [&](State& state, size_t place) { assign_those_of(state, begin + place); });
    }
}

std::vector<uint32_t> ClusteringIndex::centroids_near(
        std::span<const float> places, size_t count) const {
    const auto dimension = static_cast<size_t>(d);
    const size_t n = places.size() / dimension;
    std::vector<uint32_t> near(n * count);
    const NearestRows rows(centroids_.data(), static_cast<size_t>(ntotal), dimension, Metric::l2);
    struct State {
        NearestRows::Scratch scratch;
        std::vector<float> distances;
        std::vector<int64_t> nearest;
    };
    parallel_ranges_with(
            n, kRowsTogether, [] { return State(); },
            [&](State& state, size_t first, size_t last) {
                state.distances.resize((last - first) * count);
                state.nearest.resize((last - first) * count);
                rows.find(
                        last - first, places.data() + first * dimension, count,
                        state.distances.data(), state.nearest.data(), state.scratch);
                // Missing are those whose distances are not numbers.
                std::transform(
                        state.nearest.begin(), state.nearest.end(),
                        near.begin() + static_cast<std::ptrdiff_t>(first * count),
                        [](int64_t c) { return static_cast<uint32_t>(std::max<int64_t>(c, 0)); });
            });
    return near;
}

} // namespace bqq
