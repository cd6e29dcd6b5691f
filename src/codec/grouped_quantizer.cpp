#include <bqq/grouped_quantizer.h>

#include "codec/basis_choice.h"
#include "codec/clustering.h"
#include "nearest/row_set.h"

#include <algorithm>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>

namespace bqq {

namespace {

// All vectors are seen in every round of a small group: these come to as much work as the rounds of one basis.
constexpr int kRoundsOfOne = 3;

// A vector is coded in the best of this many groups, those with the nearest means.
constexpr size_t kGroupsTried = 2;

/// rows[g]: which of the vectors are in group g
std::vector<std::vector<size_t>> rows_by_group(std::span<const uint32_t> of, size_t groups) {
    std::vector<std::vector<size_t>> rows(groups);
    for (size_t i = 0; i < of.size(); ++i) rows[of[i]].push_back(i);
    return rows;
}

/// The rows chosen of values (width to a row), side by side.
template <class T>
std::vector<T> gather(const T* values, size_t width, const std::vector<size_t>& rows) {
    std::vector<T> chosen(rows.size() * width);
    for (size_t i = 0; i < rows.size(); ++i)
        std::copy_n(values + rows[i] * width, width, chosen.data() + i * width);
    return chosen;
}

/// The reverse: rows side by side to where they belong among values.
template <class T>
void scatter(
        const std::vector<T>& chosen, size_t width, const std::vector<size_t>& rows, T* values) {
    for (size_t i = 0; i < rows.size(); ++i)
        std::copy_n(chosen.data() + i * width, width, values + rows[i] * width);
}

} // namespace

GroupedQuantizer::GroupedQuantizer(size_t d_, size_t M_, Metric metric_, int depth_, size_t groups)
        : d(d_),
          M(M_),
          depth(groups == kChooseGroups && depth_ == kChooseDepth ? kDefaultDepth : depth_),
          metric(metric_),
          wanted_groups(groups),
          wanted_depth(depth_) {
    groups_.emplace_back(d, M, metric, depth);
    if (groups > kMaxGroups)
        throw std::invalid_argument(
                "BQQ: " + std::to_string(groups) + " groups, must be 1 to " +
                std::to_string(kMaxGroups) + ", or 0 to choose");
    code_size = group_bytes() + groups_.front().code_size;
}

GroupedQuantizer::Bases GroupedQuantizer::choose_bases(
        size_t n, const TrainingParameters& parameters) const {
    if (wanted_groups != kChooseGroups) return {wanted_groups, depth};
    return bqq::choose_bases(
            n, group(0), kLeastPointsPerAtom * M, wanted_depth, parameters.basis_share);
}

void GroupedQuantizer::train(size_t n, const float* x, const TrainingParameters& parameters) {
    const Bases bases = choose_bases(n, parameters);
    std::vector<BinaryQuadraticQuantizer> trained;
    if (bases.groups == 1) {
        trained.emplace_back(d, M, metric, bases.depth);
        trained.front().train(n, x, parameters);
        set_trained(std::move(trained));
        return;
    }
    if (n < M)
        throw std::invalid_argument(
                "BQQ: train() got " + std::to_string(n) + " vectors, " + std::to_string(M) +
                " atoms need at least " + std::to_string(M));
    check_finite(x, n, d, "train()");
    const std::vector<float> means =
            cluster_means(n, x, d, bases.groups, kLeastPointsPerAtom * M, parameters.seed);
    const size_t groups = means.size() / d;
    if (groups < bases.groups)
        parameters.progress.say(
                std::to_string(groups) + " of " + std::to_string(bases.groups) +
                " groups: other clusters have too few vectors");
    std::vector<uint32_t> nearest(n);
    RowSet(means.data(), groups, d).find_nearest(n, x, nearest.data());
    const std::vector<std::vector<size_t>> rows = rows_by_group(nearest, groups);
    train_groups(
            {groups, bases.depth},
            [&](size_t g) {
                return Sample{gather(x, d, rows[g]), {}};
            },
            parameters);
}

void GroupedQuantizer::train_groups(
        Bases bases, const std::function<Sample(size_t g)>& sample,
        const TrainingParameters& parameters) {
    TrainingParameters of_group = parameters;
    if (bases.groups > 1) {
        of_group.rounds = std::max(1, parameters.rounds / kRoundsOfOne);
        of_group.progress.step = {};
    }
    std::vector<BinaryQuadraticQuantizer> trained;
    for (size_t g = 0; g < bases.groups; ++g) {
        const Sample chosen = sample(g);
        BinaryQuadraticQuantizer& quantizer = trained.emplace_back(d, M, metric, bases.depth);
        quantizer.train(
                chosen.x.size() / d, chosen.x.data(), of_group,
                chosen.centres.empty() ? nullptr : chosen.centres.data());
        if (bases.groups > 1) parameters.progress.report("train", g + 1, bases.groups);
    }
    set_trained(std::move(trained));
}

void GroupedQuantizer::set_trained(std::vector<BinaryQuadraticQuantizer> groups) {
    const size_t most = wanted_groups == kChooseGroups ? kMaxGroups : wanted_groups;
    if (groups.empty() || groups.size() > most)
        throw std::invalid_argument(
                "BQQ: " + std::to_string(groups.size()) + " groups, must be 1 to " +
                std::to_string(most));
    for (size_t g = 0; g < groups.size(); ++g)
        if (groups[g].d != d || groups[g].M != M || groups[g].metric != metric ||
            groups[g].depth != groups.front().depth || !groups[g].is_trained)
            throw std::invalid_argument(
                    "BQQ: group " + std::to_string(g) +
                    " is not trained, or its codes have another form");
    std::vector<float> means;
    for (const BinaryQuadraticQuantizer& group : groups) {
        const std::vector<float>& mean = group.basis().mean;
        means.insert(means.end(), mean.begin(), mean.end());
    }
    means_ = std::make_shared<RowSet>(means.data(), groups.size(), d);
    depth = groups.front().depth;
    groups_ = std::move(groups);
    is_trained = true;
}

bool GroupedQuantizer::operator==(const GroupedQuantizer& other) const {
    return wanted_groups == other.wanted_groups &&
           std::equal(
                   groups_.begin(), groups_.end(), other.groups_.begin(), other.groups_.end(),
                   [](const auto& a, const auto& b) {
                       return a.basis() == b.basis() && a.scales() == b.scales();
                   });
}

void GroupedQuantizer::assign(size_t n, const float* x, uint32_t* groups) const {
    if (groups_.size() == 1)
        std::fill_n(groups, n, 0);
    else
        means_->find_nearest(n, x, groups);
}

void GroupedQuantizer::compute_codes(const float* x, uint8_t* codes, size_t n) const {
    if (group_bytes() == 0) {
        groups_.front().compute_codes(x, codes, n);
        return;
    }
    if (!is_trained) throw std::logic_error("BQQ: compute_codes() before train()");
    const size_t tried = std::min(kGroupsTried, groups_.size());
    const size_t size = bare_code_size();
    std::vector<uint32_t> nearest(n * tried), of(n);
    means_->find_nearest(n, x, nearest.data(), tried);
    std::vector<uint8_t> bare(n * size);
    std::vector<double> errors(n), least(n, std::numeric_limits<double>::infinity());
    for (size_t rank = 0; rank < tried; ++rank) {
        for (size_t i = 0; i < n; ++i) of[i] = nearest[i * tried + rank];
        encode_in(of.data(), x, bare.data(), n, nullptr, errors.data());
        for (size_t i = 0; i < n; ++i) {
            if (errors[i] >= least[i]) continue;
            least[i] = errors[i];
            codes[i * code_size] = static_cast<uint8_t>(of[i]);
            std::copy_n(bare.data() + i * size, size, codes + i * code_size + 1);
        }
    }
}

void GroupedQuantizer::decode(const uint8_t* codes, float* x, size_t n) const {
    if (group_bytes() == 0) {
        groups_.front().decode(codes, x, n);
        return;
    }
    if (!is_trained) throw std::logic_error("BQQ: decode() before train()");
    std::vector<uint32_t> of(n);
    for (size_t i = 0; i < n; ++i) {
        of[i] = codes[i * code_size];
        if (of[i] >= groups_.size())
            throw std::invalid_argument(
                    "BQQ: a code of group " + std::to_string(of[i]) + ", there are " +
                    std::to_string(groups_.size()));
    }
    const size_t size = bare_code_size();
    std::vector<uint8_t> bare(n * size);
    for (size_t i = 0; i < n; ++i)
        std::copy_n(codes + i * code_size + 1, size, bare.data() + i * size);
    decode_in(of.data(), bare.data(), x, n);
}

void GroupedQuantizer::encode_in(
        const uint32_t* groups, const float* x, uint8_t* codes, size_t n, const float* centres,
        double* errors) const {
    if (groups_.size() == 1) {
        groups_.front().compute_codes(x, codes, n, centres, errors);
        return;
    }
    check_finite(x, n, d, "compute_codes()");
    const size_t size = bare_code_size();
    const std::vector<std::vector<size_t>> rows = rows_by_group({groups, n}, groups_.size());
    for (size_t g = 0; g < rows.size(); ++g) {
        std::vector<uint8_t> part(rows[g].size() * size);
        std::vector<double> part_errors(rows[g].size());
        const std::vector<float> part_centres =
                centres != nullptr ? gather(centres, d, rows[g]) : std::vector<float>();
        groups_[g].compute_codes(
                gather(x, d, rows[g]).data(), part.data(), rows[g].size(),
                centres != nullptr ? part_centres.data() : nullptr, part_errors.data());
        scatter(part, size, rows[g], codes);
        if (errors != nullptr) scatter(part_errors, 1, rows[g], errors);
    }
}

void GroupedQuantizer::decode_in(
        const uint32_t* groups, const uint8_t* codes, float* x, size_t n,
        const float* centres) const {
    if (groups_.size() == 1) {
        groups_.front().decode(codes, x, n, centres);
        return;
    }
    const std::vector<std::vector<size_t>> rows = rows_by_group({groups, n}, groups_.size());
    for (size_t g = 0; g < rows.size(); ++g) {
        std::vector<float> part(rows[g].size() * d);
        const std::vector<float> part_centres =
                centres != nullptr ? gather(centres, d, rows[g]) : std::vector<float>();
        groups_[g].decode(
                gather(codes, bare_code_size(), rows[g]).data(), part.data(), rows[g].size(),
                centres != nullptr ? part_centres.data() : nullptr);
        scatter(part, d, rows[g], x);
    }
}

} // namespace bqq
