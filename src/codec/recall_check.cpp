#include "codec/recall_check.h"

#include "base/parallel_for.h"
#include "kernels/dot_rows.h"
#include "kernels/sums_in_double.h"
#include "nearest/nearest.h"

#include <algorithm>
#include <utility>

namespace bqq {

namespace {

// 10,000 neighbours tell recalls apart that differ by 0.005. Of many rows fewer have to do, so that
// finding their nearest takes seconds.
constexpr size_t kMostQueries = 1000, kLeastQueries = 300;
constexpr double kProducts = 1e11;
constexpr size_t kNeighbours = 10;
constexpr size_t kNearRows = 150; // of a query, among which its neighbours have to be found
constexpr size_t kMostRows = 1'000'000;
constexpr size_t kRowsTogether = 2048;
constexpr size_t kQueriesTogether = 64;

} // namespace

RecallCheck::RecallCheck(const float* x, size_t d, Metric metric, std::vector<size_t>& rows)
        : x_(x), d_(d), metric_(metric), mean_(d) {
    const double affordable = kProducts / static_cast<double>(rows.size() * d);
    const auto wanted =
            static_cast<size_t>(std::clamp<double>(affordable, kLeastQueries, kMostQueries));
    const auto count = static_cast<std::ptrdiff_t>(std::min(wanted, rows.size() / 10));
    const std::vector<size_t> queries(rows.begin(), rows.begin() + count);
    rows.erase(rows.begin(), rows.begin() + count);
    const std::span<const size_t> all = std::span(rows).first(std::min(rows.size(), kMostRows));
    if (metric == Metric::l2)
        for (size_t j = 0; j < d; ++j)
            mean_[j] = static_cast<float>(
                    kernels::sum_of(
                            all.size(),
                            [&](size_t i) { return static_cast<double>(x[all[i] * d + j]); }) /
                    static_cast<double>(all.size()));
    for (const size_t row : queries)
        for (size_t j = 0; j < d; ++j) queries_.push_back(x[row * d + j] - mean_[j]);
    truth_ =
            nearest(all, kNearRows, [&](std::span<const size_t> part) { return exact_keys(part); });
    for (std::vector<size_t>& near : truth_) {
        sample_.insert(sample_.end(), near.begin(), near.end());
        near.resize(std::min(near.size(), kNeighbours));
    }
    std::ranges::sort(sample_);
    sample_.erase(std::unique(sample_.begin(), sample_.end()), sample_.end());
}

RecallCheck::Labels RecallCheck::nearest(
        std::span<const size_t> rows, size_t k,
        const std::function<Keys(std::span<const size_t> rows)>& keys_of) const {
    const size_t queries = queries_.size() / d_;
    const float weight = metric_ == Metric::l2 ? 2 : 1;
    std::vector<Nearest> found(queries, Nearest(k));
    for (size_t begin = 0; begin < rows.size(); begin += kRowsTogether) {
        const size_t n = std::min(kRowsTogether, rows.size() - begin);
        const Keys keys = keys_of(rows.subspan(begin, n));
        parallel_ranges_with(
                queries, kQueriesTogether, [&] { return std::vector<float>(kQueriesTogether * n); },
                [&](std::vector<float>& dots, size_t first, size_t last) {
                    kernels::dot_rows(
                            queries_.data() + first * d_, d_, last - first, keys.rows.data(), d_, n,
                            d_, dots.data(), n);
                    for (size_t q = first; q < last; ++q)
                        for (size_t i = 0; i < n; ++i)
                            found[q].add(
                                    static_cast<int64_t>(rows[begin + i]),
                                    keys.terms[i] - weight * dots[(q - first) * n + i]);
                });
    }
    Labels labels(queries);
    for (size_t q = 0; q < queries; ++q)
        for (const auto& [key, label] : found[q].sorted())
            labels[q].push_back(static_cast<size_t>(label));
    return labels;
}

RecallCheck::Keys RecallCheck::exact_keys(std::span<const size_t> rows) const {
    Keys keys{std::vector<float>(rows.size() * d_), std::vector<float>(rows.size())};
    parallel_for(rows.size(), [&](size_t i) {
        float* row = keys.rows.data() + i * d_;
        for (size_t j = 0; j < d_; ++j) row[j] = x_[rows[i] * d_ + j] - mean_[j];
        if (metric_ == Metric::l2)
            keys.terms[i] = static_cast<float>(kernels::squared_norm(row, d_));
    });
    return keys;
}

/// With v = scale alpha B^T s, the decoded vector from its centre c, a search ranks by
/// |q - c|^2 + scale^2 nu - 2 <q - mean of the basis, v>.
RecallCheck::Keys RecallCheck::coded_keys(
        const Quantizer& quantizer, const CodingLists& lists, std::span<const uint32_t> list_of,
        std::span<const uint8_t> codes) const {
    const size_t n = list_of.size();
    Keys keys{std::vector<float>(n * d_), std::vector<float>(n)};
    decode_in_lists(quantizer, lists, n, codes.data(), list_of, keys.rows.data());
    std::vector<float> centre(d_);
    for (size_t i = 0; i < n; ++i) {
        const Basis& basis = quantizer.basis(lists.basis(list_of[i]));
        const uint8_t* stored = codes.data() + i * quantizer.code_size() + quantizer.bits_size();
        if (lists.centre)
            lists.centre(list_of[i], centre.data());
        else
            centre = basis.mean;
        float* row = keys.rows.data() + i * d_;
        double term = basis.scales.decode(stored).nu;
        term *= static_cast<double>(basis.scale) * static_cast<double>(basis.scale);
        for (size_t j = 0; j < d_ && metric_ == Metric::l2; ++j) {
            const double c = static_cast<double>(centre[j]) - static_cast<double>(mean_[j]);
            const double v = static_cast<double>(row[j]) - static_cast<double>(centre[j]);
            term += c * c +
                    2 * v * (static_cast<double>(basis.mean[j]) - static_cast<double>(mean_[j]));
        }
        for (size_t j = 0; j < d_; ++j) row[j] -= mean_[j];
        keys.terms[i] = static_cast<float>(term);
    }
    return keys;
}

double RecallCheck::recall(
        const Quantizer& quantizer, const CodingLists& lists, const Encode& encode) const {
    std::vector<uint8_t> codes;
    std::vector<uint32_t> list_of;
    const Labels found = nearest(sample_, kNeighbours, [&](std::span<const size_t> rows) {
        codes.resize(rows.size() * quantizer.code_size());
        list_of.resize(rows.size());
        std::vector<float> vectors;
        for (const size_t row : rows)
            vectors.insert(vectors.end(), x_ + row * d_, x_ + (row + 1) * d_);
        encode(vectors, rows, codes, list_of);
        return coded_keys(quantizer, lists, list_of, codes);
    });
    size_t hits = 0, all = 0;
    for (size_t q = 0; q < found.size(); ++q) {
        all += truth_[q].size();
        for (const size_t label : found[q])
            hits += static_cast<size_t>(std::ranges::count(truth_[q], label));
    }
    return all == 0 ? 0 : static_cast<double>(hits) / static_cast<double>(all);
}

bool several_or_one(size_t bases, double of_several, double of_one, const Progress& progress) {
    constexpr double kTolerance = 0.005; // less than the check can tell
    if (of_several >= of_one - kTolerance) return true;
    progress.say(
            "one basis: " + std::to_string(bases) + " local bases found " +
            std::to_string(of_several) + " of the neighbours of a sample, one found " +
            std::to_string(of_one));
    return false;
}

} // namespace bqq
