#include <bqq/quantizer.h>

#include "base/check_finite.h"
#include "codec/clustering.h"
#include "codec/encoder.h"
#include "codec/outliers.h"
#include "codec/recall_check.h"
#include "codec/sampling.h"
#include "codec/training.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <string>
#include <utility>

namespace bqq {

namespace {

// A vector is coded in the best of this many lists, those with the nearest centres.
constexpr size_t kListsTried = 2;

/// @throws InvalidArgument  unless `size` numbers are whole vectors of dimension d
size_t count_rows(size_t size, size_t d, const char* what) {
    if (size % d != 0)
        throw InvalidArgument(
                "BQQ: " + std::string(what) + " got " + std::to_string(size) +
                " numbers, must be a multiple of d = " + std::to_string(d));
    return size / d;
}

void check_size(size_t size, size_t right, const char* what) {
    if (size != right)
        throw InvalidArgument(
                "BQQ: " + std::string(what) + " of size " + std::to_string(size) + ", must be " +
                std::to_string(right));
}

/// Trains a basis for each cluster of the rows.
void train_clusters(
        Quantizer& quantizer, BasesChoice choice, const TrainingRows& x,
        const std::vector<size_t>& rows, const TrainingParameters& parameters) {
    std::vector<std::vector<size_t>> clusters(1);
    if (choice.bases == 1) {
        clusters[0] = rows;
    } else {
        const size_t d = quantizer.d();
        const std::vector<float> means = cluster_means(
                x.size(), x.data(), d, choice.bases, kLeastPointsPerAtom * quantizer.M(),
                parameters.seed);
        clusters.resize(means.size() / d);
        if (clusters.size() < choice.bases)
            parameters.progress.say(
                    std::to_string(clusters.size()) + " of " + std::to_string(choice.bases) +
                    " local bases: other clusters have too few vectors");
        std::vector<uint32_t> nearest(x.size());
        RowSet(means.data(), clusters.size(), d).find_nearest(x.size(), x.data(), nearest.data());
        for (const size_t row : rows) clusters[nearest[row]].push_back(row);
    }
    train_bases(
            quantizer, {clusters.size(), choice.depth},
            [&](size_t b) {
                return TrainingSet{x.data(), std::move(clusters[b]), {}, {}};
            },
            parameters);
}

} // namespace

Quantizer::Quantizer(
        size_t d, size_t M, Metric metric, std::optional<int> depth, std::optional<size_t> bases,
        std::optional<Atoms> atoms)
        : d_(d),
          M_(M),
          metric_(metric),
          wanted_depth_(depth),
          wanted_bases_(bases),
          wanted_atoms_(atoms) {
    if (d == 0) throw InvalidArgument("BQQ: dimension d = 0, must be at least 1");
    if (M == 0 || M > kMaxAtoms)
        throw InvalidArgument(
                "BQQ: " + std::to_string(M) + " bits a vector, must be 1 to " +
                std::to_string(kMaxAtoms));
    if (depth && (*depth < 1 || *depth > kMaxDepth))
        throw InvalidArgument(
                "BQQ: basis depth " + std::to_string(*depth) + ", must be 1 to " +
                std::to_string(kMaxDepth));
    if (bases && (*bases < 1 || *bases > kMaxBases))
        throw InvalidArgument(
                "BQQ: " + std::to_string(*bases) + " local bases, must be 1 to " +
                std::to_string(kMaxBases));
}

Atoms Quantizer::atoms() const {
    // Coding error on vectors not trained on, free and tied: GloVe (d = 100), M = 200 0.088 and
    // 0.107, 300 0.0314 and 0.0339, 400 0.0117 and 0.0106. At M = 512 free atoms are still better
    // (sentences 0.078 and 0.083, Fashion-MNIST 0.054 and 0.059), but take 45 s to train, not 2.
    constexpr size_t kMostFree = 512;
    constexpr size_t kManyPerDimension = 4;
    const bool tied = M_ > kMostFree || M_ >= kManyPerDimension * d_;
    return wanted_atoms_.value_or(tied ? Atoms::tied : Atoms::free);
}

size_t Quantizer::code_size() const {
    ScaleCodec scales;
    scales.metric = metric_;
    return bits_size() + scales.size();
}

size_t Quantizer::bases() const {
    return bases_ == nullptr ? 0 : bases_->size();
}

int Quantizer::depth() const {
    return bases_ == nullptr ? 0 : bases_->front().depth;
}

const Basis& Quantizer::basis(size_t b) const {
    return (*bases_)[b];
}

void Quantizer::train(std::span<const float> x, const TrainingParameters& parameters) {
    const size_t given = count_rows(x.size(), d_, "train()");
    check_finite(x.data(), given, d_, "train()");
    const BasesChoice choice = choose_bases(*this, given, parameters.basis_share);
    const TrainingRows kept(given, x.data(), d_, M_, parameters.progress);
    if (wanted_bases_ || choice.bases == 1) {
        std::vector<size_t> rows(kept.size());
        std::iota(rows.begin(), rows.end(), size_t{0});
        train_clusters(*this, choice, kept, rows, parameters);
        return;
    }
    // The number is ours to choose: several bases must find no less than one does.
    std::vector<size_t> rows = choose_rows(kept.size(), kept.size(), parameters.seed);
    const RecallCheck check(kept.data(), d_, metric_, rows);
    Quantizer several = *this, one = *this;
    train_clusters(several, choice, kept, rows, parameters);
    train_clusters(one, one_basis(*this, given, parameters.basis_share), kept, rows, parameters);
    const auto recall = [&](const Quantizer& quantizer) {
        return check.recall(
                quantizer, {},
                [&](std::span<const float> part, std::span<const size_t>,
                    std::vector<uint8_t>& codes,
                    std::vector<uint32_t>& lists) { quantizer.encode(part, codes, lists); });
    };
    *this = several_or_one(several.bases(), recall(several), recall(one), parameters.progress)
                    ? std::move(several)
                    : std::move(one);
}

void Quantizer::set_bases(std::vector<Basis> bases) {
    const size_t most = wanted_bases_.value_or(kMaxBases);
    if (bases.empty() || bases.size() > most)
        throw InvalidArgument(
                "BQQ: " + std::to_string(bases.size()) + " bases, must be 1 to " +
                std::to_string(most));
    const int depth = wanted_depth_.value_or(bases.front().depth);
    for (size_t b = 0; b < bases.size(); ++b) {
        const std::string name = "basis " + std::to_string(b);
        if (bases[b].d != d_ || bases[b].M != M_ || bases[b].scales.metric != metric_)
            throw InvalidArgument("BQQ: " + name + " has another form");
        bases[b].check(name);
        if (bases[b].depth != depth)
            throw InvalidArgument(
                    "BQQ: " + name + " has depth " + std::to_string(bases[b].depth) + ", must be " +
                    std::to_string(depth));
    }
    auto shared = std::make_shared<const std::vector<Basis>>(std::move(bases));
    encoders_ = std::make_shared<Encoders>(shared);
    bases_ = std::move(shared);
}

bool Quantizer::operator==(const Quantizer& other) const {
    if (is_trained() != other.is_trained()) return false;
    if (!is_trained()) return d_ == other.d_ && M_ == other.M_ && metric_ == other.metric_;
    return bases_ == other.bases_ || *bases_ == *other.bases_;
}

void Quantizer::encode(
        std::span<const float> x, std::span<uint8_t> codes, std::span<uint32_t> lists) const {
    if (!is_trained()) throw Error("BQQ: encode() before train()");
    const size_t n = count_rows(x.size(), d_, "encode()");
    check_size(codes.size(), n * code_size(), "codes");
    if (!lists.empty() || bases() > 1) check_size(lists.size(), n, "lists");
    check_finite(x.data(), n, d_, "encode()");
    const size_t tried = std::min(kListsTried, bases());
    std::vector<uint32_t> nearest(n * tried);
    encoders_->nearest(n, x.data(), nearest.data(), tried);
    if (tried == 1) {
        encode_in_lists(*this, {}, n, x.data(), nearest, codes.data());
        std::copy(nearest.begin(), nearest.begin() + std::ssize(lists), lists.begin());
        return;
    }
    std::vector<uint8_t> tried_codes(codes.size());
    std::vector<uint32_t> tried_lists(n);
    std::vector<double> errors(n), least(n, std::numeric_limits<double>::infinity());
    for (size_t rank = 0; rank < tried; ++rank) {
        for (size_t i = 0; i < n; ++i) tried_lists[i] = nearest[i * tried + rank];
        encode_in_lists(*this, {}, n, x.data(), tried_lists, tried_codes.data(), errors.data());
        for (size_t i = 0; i < n; ++i) {
            if (rank > 0 && !(errors[i] < least[i])) continue;
            least[i] = errors[i];
            lists[i] = tried_lists[i];
            std::copy_n(
                    tried_codes.data() + i * code_size(), code_size(),
                    codes.data() + i * code_size());
        }
    }
}

void Quantizer::decode(
        std::span<const uint8_t> codes, std::span<const uint32_t> lists, std::span<float> x) const {
    if (!is_trained()) throw Error("BQQ: decode() before train()");
    const size_t n = count_rows(x.size(), d_, "decode()");
    check_size(codes.size(), n * code_size(), "codes");
    if (!lists.empty() || bases() > 1) check_size(lists.size(), n, "lists");
    for (size_t i = 0; i < lists.size(); ++i)
        if (lists[i] >= bases())
            throw InvalidArgument(
                    "BQQ: a code in list " + std::to_string(lists[i]) + ", there are " +
                    std::to_string(bases()));
    if (lists.empty())
        decode_in_lists(*this, {}, n, codes.data(), std::vector<uint32_t>(n), x.data());
    else
        decode_in_lists(*this, {}, n, codes.data(), lists, x.data());
}

CodingError Quantizer::coding_error(std::span<const float> x) const {
    const size_t n = count_rows(x.size(), d_, "coding_error()");
    if (n == 0) throw InvalidArgument("BQQ: coding_error() of no vectors");
    std::vector<uint8_t> codes(n * code_size());
    std::vector<uint32_t> lists(n);
    encode(x, codes, lists);
    return bqq::coding_error(*this, {}, n, x.data(), lists);
}

MemoryBytes Quantizer::memory_bytes() const {
    MemoryBytes bytes;
    for (size_t b = 0; b < bases(); ++b) bytes.bases += basis(b).memory_bytes();
    if (encoders_ != nullptr) bytes.encoder = encoders_->memory_bytes();
    return bytes;
}

void Quantizer::release_encoder() {
    // Copies go on with theirs.
    if (encoders_ != nullptr) encoders_ = std::make_shared<Encoders>(bases_);
}

} // namespace bqq
