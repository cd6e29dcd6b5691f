#include "index/results.h"

#include <faiss/impl/AuxIndexStructures.h>

#include <algorithm>
#include <limits>

namespace bqq {

void ResultRows::write(size_t row, NearestCodes& nearest, const IdOf& id) const {
    float* const row_distances = distances + row * k;
    idx_t* const row_labels = labels + row * k;
    std::vector<std::pair<float, idx_t>> given;
    if (as_heaps)
        for (size_t slot = 0; slot < k; ++slot) {
            given.emplace_back(row_distances[slot], row_labels[slot]);
            if (row_labels[slot] >= 0)
                nearest.add_given(slot, from_distance(metric, row_distances[slot]));
        }
    std::fill_n(
            row_distances, k,
            metric == Metric::l2 ? std::numeric_limits<float>::max()
                                 : std::numeric_limits<float>::lowest());
    std::fill_n(row_labels, k, idx_t{-1});
    size_t better = 0;
    const auto put = [&](float distance, idx_t label) {
        // Worst first is a heap, too.
        const size_t at = as_heaps ? k - 1 - better : better;
        row_distances[at] = distance;
        row_labels[at] = label;
        ++better;
    };
    nearest.for_each(
            [&](Place place, double distance) { put(to_distance(metric, distance), id(place)); },
            [&](size_t slot, double) { put(given[slot].first, given[slot].second); });
}

void RangeRows::write(size_t row, const CodesWithin& collector) {
    for (const auto& [place, distance] : collector.found()) {
        const float reported = to_distance(metric_, distance);
        if (metric_ == Metric::l2 ? reported < radius_ : reported > radius_)
            found_[row].emplace_back(id_(place), reported);
    }
}

void RangeRows::finish(faiss::RangeSearchResult* result) const {
    for (size_t i = 0; i < found_.size(); ++i) result->lims[i] = found_[i].size();
    result->do_allocation();
    for (size_t i = 0; i < found_.size(); ++i)
        for (size_t j = 0; j < found_[i].size(); ++j) {
            result->labels[result->lims[i] + j] = found_[i][j].first;
            result->distances[result->lims[i] + j] = found_[i][j].second;
        }
}

} // namespace bqq
