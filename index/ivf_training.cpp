#include "index/ivf_training.h"

#include "codec/clustering.h"
#include "codec/recall_check.h"
#include "codec/sampling.h"
#include "codec/training.h"
#include "index/checks.h"
#include "nearest/row_set.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>

namespace bqq {

namespace {

/// The list of each row of x; 0 where the coarse quantizer finds none.
std::vector<uint32_t> assign_rows(
        const faiss::Index& quantizer, const CoarseSearch& coarse, const float* x,
        std::span<const size_t> rows) {
    constexpr size_t kBatch = 4096; // vectors that are copied at a time
    const auto d = static_cast<size_t>(quantizer.d);
    std::vector<uint32_t> lists;
    std::vector<float> vectors;
    std::vector<idx_t> keys(kBatch);
    for (size_t begin = 0; begin < rows.size(); begin += kBatch) {
        const size_t count = std::min(kBatch, rows.size() - begin);
        vectors.clear();
        for (const size_t row : rows.subspan(begin, count))
            vectors.insert(vectors.end(), x + row * d, x + (row + 1) * d);
        coarse.assign(quantizer, static_cast<idx_t>(count), vectors.data(), keys.data());
        for (size_t i = 0; i < count; ++i)
            lists.push_back(static_cast<uint32_t>(std::max<idx_t>(keys[i], 0)));
    }
    return lists;
}

std::vector<float> all_centroids(const faiss::Index& quantizer, size_t nlist) {
    const auto d = static_cast<size_t>(quantizer.d);
    std::vector<float> centroids(nlist * d);
    for (size_t list = 0; list < nlist; ++list)
        quantizer.reconstruct(static_cast<idx_t>(list), centroids.data() + list * d);
    return centroids;
}

/// The factor on the centroids that brings them nearest to their vectors.
float best_centroid_scale(const TrainingSet& set, size_t d, size_t most) {
    double products = 0;
    double energy = 0;
    for (size_t i = 0; i < std::min(most, set.rows.size()); ++i) {
        const float* x = set.x + set.rows[i] * d;
        const float* centre = set.centres.data() + set.list_of[i] * d;
        for (size_t j = 0; j < d; ++j) {
            const double c = centre[j];
            products += static_cast<double>(x[j]) * c;
            energy += c * c;
        }
    }
    return energy > 0 ? static_cast<float>(products / energy) : 1.0f;
}

/// Groups neighbouring lists, each group with vectors enough for a basis. @return  basis of each
/// list
std::vector<uint8_t> group_lists(
        const IndexIVFBQQ& index, const TrainingSet& set, size_t wanted,
        const TrainingParameters& parameters) {
    std::vector<size_t> sizes(index.nlist);
    for (const uint32_t list : set.list_of) ++sizes[list];
    const auto d = static_cast<size_t>(index.d);
    const std::vector<float> means = cluster_means(
            index.nlist, set.centres.data(), d, wanted, kLeastPointsPerAtom * index.codec().M(),
            parameters.seed, sizes);
    const size_t bases = means.size() / d;
    if (bases < wanted)
        parameters.progress.say(
                std::to_string(bases) + " of " + std::to_string(wanted) +
                " local bases: others have too few vectors in their lists");
    std::vector<uint32_t> nearest(index.nlist);
    RowSet(means.data(), bases, d).find_nearest(index.nlist, set.centres.data(), nearest.data());
    return {nearest.begin(), nearest.end()};
}

/// Trains the bases of `lists.list_basis` on at most `most` vectors each.
void train_on(
        const TrainingSet& all, int depth, size_t most, const TrainingParameters& parameters,
        TrainedLists& lists) {
    const size_t bases =
            size_t{1} + *std::max_element(lists.list_basis.begin(), lists.list_basis.end());
    const auto set_of = [&](size_t b) {
        TrainingSet set{all.x, {}, {}, all.centres};
        for (size_t i = 0; i < all.rows.size() && set.rows.size() < most; ++i) {
            if (lists.list_basis[all.list_of[i]] != b) continue;
            set.rows.push_back(all.rows[i]);
            set.list_of.push_back(all.list_of[i]);
        }
        return set;
    };
    train_bases(lists.codec, {bases, depth}, set_of, parameters);
}

} // namespace

TrainedLists train_lists(
        const IndexIVFBQQ& index, const CoarseSearch& coarse, size_t n, const float* x) {
    const TrainingParameters parameters = with_progress(index.training, index.verbose);
    TrainedLists trained{index.codec(), std::vector<uint8_t>(index.nlist), 1};
    const auto d = static_cast<size_t>(index.d);
    const size_t most = index.codec().M() * parameters.max_points_per_atom;
    const BasesChoice choice = choose_bases(index.codec(), n, parameters.basis_share);
    std::vector<float> centres = all_centroids(*index.quantizer, index.nlist);
    // In random order. With several bases each finds as many vectors of its own as one among all.
    TrainingSet all{x, choose_rows(n, choice.bases == 1 ? most : n, parameters.seed), {}, centres};
    std::optional<RecallCheck> check;
    if (choice.bases > 1 && !index.codec().wanted_bases())
        check.emplace(x, d, index.codec().metric(), all.rows);
    all.list_of = assign_rows(*index.quantizer, coarse, x, all.rows);
    if (index.metric_type == faiss::METRIC_INNER_PRODUCT) {
        trained.centroid_scale = best_centroid_scale(all, d, most);
        for (float& value : centres) value *= trained.centroid_scale;
    }
    if (choice.bases > 1) trained.list_basis = group_lists(index, all, choice.bases, parameters);
    train_on(all, choice.depth, most, parameters, trained);
    if (!check || trained.codec.bases() == 1) return trained;

    TrainedLists one{index.codec(), std::vector<uint8_t>(index.nlist), trained.centroid_scale};
    const int depth = one_basis(index.codec(), n, parameters.basis_share).depth;
    train_on(all, depth, most, parameters, one);
    const auto recall = [&](const TrainedLists& lists) {
        const CodingLists coding{lists.list_basis, [&](uint32_t list, float* centre) {
                                     std::copy_n(centres.data() + list * d, d, centre);
                                 }};
        return check->recall(
                lists.codec, coding,
                [&](std::span<const float> vectors, std::span<const size_t> rows,
                    std::vector<uint8_t>& codes, std::vector<uint32_t>& list_of) {
                    list_of = assign_rows(*index.quantizer, coarse, x, rows);
                    encode_in_lists(
                            lists.codec, coding, rows.size(), vectors.data(), list_of,
                            codes.data());
                });
    };
    const bool several = several_or_one(
            trained.codec.bases(), recall(trained), recall(one), parameters.progress);
    return several ? std::move(trained) : std::move(one);
}

CodingLists coding_lists(const IndexIVFBQQ& index) {
    return {index.list_basis(), [&index](uint32_t list, float* centre) {
                index.quantizer->reconstruct(static_cast<idx_t>(list), centre);
                for (int j = 0; j < index.d; ++j) centre[j] *= index.centroid_scale();
            }};
}

} // namespace bqq
