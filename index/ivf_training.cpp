#include "index/ivf_training.h"

#include "index/checks.h"
#include "index/coarse_search.h"
#include "codec/clustering.h"
#include "codec/sampling.h"
#include "nearest/row_set.h"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <span>
#include <string>
#include <utility>

namespace bqq {

std::vector<float> centres_of(const IndexIVFBQQ& index, idx_t n, const idx_t* list_nos) {
    const auto d = static_cast<size_t>(index.d);
    std::vector<float> centres(static_cast<size_t>(n) * d);
    for (idx_t i = 0; i < n; ++i) {
        if (list_nos[i] < 0) continue;
        float* centre = centres.data() + static_cast<size_t>(i) * d;
        index.quantizer->reconstruct(list_nos[i], centre);
        for (size_t j = 0; j < d; ++j) centre[j] *= index.centroid_scale;
    }
    return centres;
}

namespace {

/// Vectors of the training set, and the lists that they fall in.
class TrainingSet {
public:
    TrainingSet(
            const IndexIVFBQQ& index, const CoarseSearch& coarse, const float* x,
            std::vector<size_t> rows)
            : index_(index), x_(x), rows_(std::move(rows)), lists_(rows_.size()) {
        constexpr size_t kBatch = 32768;
        for (size_t begin = 0; begin < size(); begin += kBatch) {
            const size_t count = std::min(kBatch, size() - begin);
            coarse.assign(
                    *index.quantizer, static_cast<idx_t>(count),
                    vectors({rows_.data() + begin, count}).data(), lists_.data() + begin);
        }
    }

    size_t size() const { return rows_.size(); }
    idx_t list(size_t i) const { return lists_[i]; }

    /// Vectors chosen, with the centres that they are coded from.
    GroupedQuantizer::Sample sample(std::span<const size_t> chosen) const {
        std::vector<size_t> rows;
        std::vector<idx_t> lists;
        for (const size_t i : chosen) {
            rows.push_back(rows_[i]);
            lists.push_back(lists_[i]);
        }
        return {vectors(rows), centres_of(index_, static_cast<idx_t>(lists.size()), lists.data())};
    }

private:
    const IndexIVFBQQ& index_;
    const float* x_;
    std::vector<size_t> rows_;
    std::vector<idx_t> lists_;

    std::vector<float> vectors(std::span<const size_t> rows) const {
        const auto d = static_cast<size_t>(index_.d);
        std::vector<float> chosen(rows.size() * d);
        for (size_t i = 0; i < rows.size(); ++i)
            std::copy_n(x_ + rows[i] * d, d, chosen.data() + i * d);
        return chosen;
    }
};

/// What the centroids times it are the nearest to their vectors with.
float best_centroid_scale(const GroupedQuantizer::Sample& sample) {
    double products = 0;
    double energy = 0;
    for (size_t i = 0; i < sample.x.size(); ++i) {
        const double centre = sample.centres[i];
        products += static_cast<double>(sample.x[i]) * centre;
        energy += centre * centre;
    }
    return energy > 0 ? static_cast<float>(products / energy) : 1.0f;
}

/// Groups of neighbouring lists, each with vectors enough for a basis. @return  the group of each list
std::vector<uint8_t> group_lists(
        const IndexIVFBQQ& index, const TrainingSet& set, size_t wanted,
        const TrainingParameters& parameters) {
    const size_t nlist = index.nlist;
    const auto d = static_cast<size_t>(index.d);
    std::vector<size_t> sizes(nlist);
    for (size_t i = 0; i < set.size(); ++i)
        if (set.list(i) >= 0) ++sizes[static_cast<size_t>(set.list(i))];
    std::vector<idx_t> lists(nlist);
    std::iota(lists.begin(), lists.end(), idx_t{0});
    const std::vector<float> centroids = centres_of(index, static_cast<idx_t>(nlist), lists.data());
    const std::vector<float> means = cluster_means(
            nlist, centroids.data(), d, wanted, GroupedQuantizer::kLeastPointsPerAtom * index.bqq.M,
            parameters.seed, sizes);
    const size_t groups = means.size() / d;
    if (groups < wanted)
        parameters.progress.say(
                std::to_string(groups) + " of " + std::to_string(wanted) +
                " groups: others have too few vectors in their lists");
    std::vector<uint32_t> nearest(nlist);
    RowSet(means.data(), groups, d).find_nearest(nlist, centroids.data(), nearest.data());
    return {nearest.begin(), nearest.end()};
}

} // namespace

void train_codes(IndexIVFBQQ& index, const CoarseSearch& coarse, size_t n, const float* x) {
    const TrainingParameters parameters = with_progress(index.training, index.verbose);
    const size_t most = index.bqq.M * parameters.max_points_per_atom;
    const GroupedQuantizer::Bases bases = index.bqq.choose_bases(n, parameters);
    const bool one_group = bases.groups == 1;
    // In random order. Groups find as many of their own as one basis takes among all.
    const TrainingSet set(index, coarse, x, choose_rows(n, one_group ? most : n, parameters.seed));

    index.centroid_scale = 1;
    if (index.metric_type == faiss::METRIC_INNER_PRODUCT) {
        std::vector<size_t> first(std::min(most, set.size()));
        std::iota(first.begin(), first.end(), size_t{0});
        index.centroid_scale = best_centroid_scale(set.sample(first));
    }
    std::vector<uint8_t> list_groups = one_group
                                               ? std::vector<uint8_t>(index.nlist)
                                               : group_lists(index, set, bases.groups, parameters);
    const uint8_t last = *std::max_element(list_groups.begin(), list_groups.end());
    std::vector<std::vector<size_t>> rows(size_t{last} + 1);
    for (size_t i = 0; i < set.size(); ++i) {
        const idx_t list = set.list(i);
        std::vector<size_t>& of_group = rows[list < 0 ? 0 : list_groups[static_cast<size_t>(list)]];
        if (of_group.size() < most) of_group.push_back(i);
    }
    index.bqq.train_groups(
            {rows.size(), bases.depth}, [&](size_t g) { return set.sample(rows[g]); }, parameters);
    index.list_groups = std::move(list_groups);
}

} // namespace bqq
