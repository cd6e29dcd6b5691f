#include "codec/training.h"

#include "base/linear_algebra.h"
#include "base/parallel_for.h"
#include "codec/bfloat16.h"
#include "codec/calibration.h"
#include "codec/encoder.h"
#include "codec/initial_atoms.h"
#include "codec/outliers.h"
#include "codec/sampling.h"
#include "codec/tied_atoms.h"
#include "kernels/aligned.h"
#include "kernels/dot_rows.h"
#include "kernels/products.h"
#include "kernels/sums_in_double.h"
#include "nearest/principal_directions.h"
#include "nearest/transposed.h"

#include <Eigen/Core>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>
#include <string>
#include <utility>

namespace bqq {

namespace {

// Early rounds see a part of the sample, the last ones all. They end when one takes less than this
// part of the error. Sentences, M = 512, coding error of others, 10-recall@10 and seconds: all 36
// rounds, 6 of them full, 0.0776, 0.836, 40; ended at 0.001, 0.0778, 0.839, 31, and with 4 full
// rounds 0.0779, 0.841, 27; ended at 0.002, 0.0782, 0.836, 27.
constexpr size_t kEarlyPointsPerAtom = 64;
constexpr int kFullRounds = 4;
constexpr double kLeastGain = 0.001;
/** The last rounds bind the basis to its planes: re-encoding recovers most of the error that
 * binarizing the basis adds. Error on Fashion-MNIST, M = 128, depth 3: 0.156 after 2 such rounds,
 * 0.153 after 8, 0.151 after 24 (in float 0.140). The more planes, the less there is to gain, and
 * rounds in float have momentum: sentences in 16 groups, depth 4, 0.2718 after 2 of 12 rounds,
 * 0.2698 after 4, 0.2703 after 8.
 */
int plane_rounds(int depth, int rounds) {
    if (depth <= 3) return (2 * rounds + 2) / 3;
    return depth == 4 ? (rounds + 2) / 3 : 2;
}
// Each early round steps beyond the least-squares basis by this part of its change: as good after
// 16 rounds as 25 without (Fashion-MNIST, M = 128).
constexpr float kMomentum = 0.6f;
// Vectors that tied atoms are learned on. Coding error of other sentences, M = 1024, after 5,000 /
// 10,000 / 20,000 / 33,000: 0.0299, 0.0286, 0.0283, 0.0279.
constexpr size_t kTiedPoints = 20000;
constexpr size_t kTiedPointsPerDirection = 64;
// Vectors whose signs are held at a time.
constexpr size_t kChunk = 4096;

/** C += A B, on all threads, with A given by its transpose: sums of products of sample columns.
 * @param at      A transposed: size m * k
 * @param B       size k * ldb, rows as kernels::multiply() wants them
 * @param C       size m * ldb
 */
void add_product(const float* at, size_t m, size_t k, const float* B, size_t ldb, float* C) {
    constexpr size_t kColumns = 64;
    constexpr size_t kDepth = 256; // rows of B whose columns stay in the first-level cache
    parallel_for_with(
            (ldb + kColumns - 1) / kColumns,
            [&] { return kernels::AlignedVector<float>(m * kColumns); },
            [&](kernels::AlignedVector<float>& part, size_t block) {
                const size_t j = block * kColumns;
                const size_t columns = std::min(kColumns, ldb - j);
                for (size_t begin = 0; begin < k; begin += kDepth) {
                    kernels::multiply(
                            at + begin, k, m, B + begin * ldb + j, ldb, std::min(kDepth, k - begin),
                            columns, part.data(), kColumns);
                    for (size_t i = 0; i < m; ++i)
                        for (size_t c = 0; c < columns; ++c)
                            C[i * ldb + j + c] += part[i * kColumns + c];
                }
            });
}

class Trainer {
public:
    Trainer(const TrainingSet& set, const Quantizer& quantizer, int depth,
            const TrainingParameters& parameters)
            : d_(quantizer.d()),
              ld_(kernels::padded(d_)),
              M_(quantizer.M()),
              metric_(quantizer.metric()),
              tied_(quantizer.atoms() == Atoms::tied),
              parameters_(parameters) {
        size_t most = M_ * parameters.max_points_per_atom;
        if (tied_) most = std::min(most, std::max(kTiedPoints, kTiedPointsPerDirection * d_));
        if (set.rows.size() > most)
            parameters.progress.say(
                    "training on " + std::to_string(most) + " of " +
                    std::to_string(set.rows.size()) + " vectors");
        basis_.d = d_;
        basis_.M = M_;
        basis_.depth = depth;
        take_sample(set, choose_rows(set.rows.size(), most, parameters.seed));
    }

    Basis run() {
        if (tied_)
            tie_atoms();
        else
            train_free_atoms();
        fit_scales();
        return std::move(basis_);
    }

private:
    void tie_atoms() {
        std::vector<float> V = principal_directions(
                weighted_.data(), ld_, n_, d_, std::min(d_, M_), parameters_.seed);
        const std::vector<size_t> bits = allot_bits(variances(V), M_);
        const size_t K = bits.size();
        V.resize(K * d_);
        std::vector<float> independent(K * K);
        for (size_t i = 0; i < K; ++i) independent[i * K + i] = 1;
        basis_.tied_directions = K;
        fit_planes(V, independent, basis_);
        // Steps are fitted to the coordinates that the planes leave.
        const TiedSignEncoder encoder(basis_);
        std::vector<float> y(n_ * K);
        parallel_ranges_with(
                n_, SignEncoder::kRows, [] { return 0; },
                [&](int, size_t first, size_t last) {
                    encoder.coordinates(
                            weighted_.data() + first * ld_, ld_, last - first,
                            y.data() + first * K);
                });
        fit_steps(bits, y, n_, basis_);
        parameters_.progress.report("train", 1, 1);
    }

    /// Of the sample along each of the directions.
    std::vector<double> variances(const std::vector<float>& directions) const {
        const size_t count = directions.size() / d_;
        std::vector<float> y(count * n_);
        kernels::dot_rows_parallel(
                directions.data(), d_, count, weighted_.data(), ld_, n_, d_, y.data(), n_);
        std::vector<double> result(count);
        for (size_t i = 0; i < count; ++i)
            result[i] = kernels::squared_norm(y.data() + i * n_, n_) / static_cast<double>(n_);
        return result;
    }

    void train_free_atoms() {
        const size_t early = std::min(n_, M_ * kEarlyPointsPerAtom);
        B_ = initial_atoms(weighted_.data(), ld_, early, d_, M_, parameters_.seed);
        const int rounds = std::max(parameters_.rounds, 1);
        const int bound = rounds - plane_rounds(basis_.depth, rounds); // first round with planes
        const int last = std::min(bound, rounds - kFullRounds); // the first that is not early
        double error = std::numeric_limits<double>::infinity();
        for (int round = 0; round < rounds; ++round) {
            const double now =
                    update_basis(round >= rounds - kFullRounds ? n_ : early, round >= bound);
            parameters_.progress.report(
                    "train", static_cast<size_t>(round) + 1, static_cast<size_t>(rounds));
            if (round < last && error - now < kLeastGain * now) round = last - 1;
            error = now;
        }
    }

    size_t d_, ld_, M_, n_ = 0;
    Metric metric_;
    bool tied_;
    const TrainingParameters& parameters_;
    Basis basis_;
    std::vector<float> B_; ///< M x d
    /// n x ld: the sample in units of the basis, times gain_weight, then zeros
    kernels::AlignedVector<float> weighted_;
    std::vector<double> x2_;        ///< n: squared norms before the weight
    std::vector<uint32_t> list_of_; ///< n, or empty
    std::vector<float> centres_;    ///< of the lists, from the mean, in units of the basis

    void take_sample(const TrainingSet& set, std::vector<size_t> chosen) {
        const auto row = [&](size_t i) { return set.x + set.rows[i] * d_; };
        std::vector<double> mean(d_);
        for (const size_t i : chosen)
            for (size_t j = 0; j < d_; ++j) mean[j] += row(i)[j];
        basis_.mean.resize(d_);
        for (size_t j = 0; j < d_; ++j)
            basis_.mean[j] = static_cast<float>(mean[j] / static_cast<double>(chosen.size()));
        const auto centre = [&](size_t i) {
            return set.list_of.empty() ? basis_.mean.data()
                                       : set.centres.data() + set.list_of[i] * d_;
        };
        double energy = leave_out_far_rows(set, chosen, row, centre);
        n_ = chosen.size();
        energy /= static_cast<double>(n_);
        if (!set.list_of.empty())
            for (const size_t i : chosen) list_of_.push_back(set.list_of[i]);
        const auto rms = static_cast<float>(std::sqrt(energy));
        basis_.scale = rms >= std::numeric_limits<float>::min() ? rms : 1.0f;
        // A file keeps sixteen bits of a mean, unless it lies so far out that it needs more.
        constexpr double kHarmless = 1e-5;
        round_to_bfloat16(basis_.mean.data(), d_, kHarmless * energy);

        weighted_.resize(n_ * ld_);
        x2_.resize(n_);
        parallel_for(n_, [&](size_t i) {
            float* unit = weighted_.data() + i * ld_;
            basis_.to_unit(row(chosen[i]), centre(chosen[i]), unit);
            x2_[i] = kernels::squared_norm(unit, d_);
            const float weight = gain_weight(x2_[i]);
            for (size_t j = 0; j < d_; ++j) unit[j] *= weight;
        });
        centres_.assign(set.centres.begin(), set.centres.end());
        for (size_t l = 0; l < centres_.size() / d_; ++l)
            basis_.to_unit(centres_.data() + l * d_, basis_.mean.data(), centres_.data() + l * d_);
    }

    /** Takes away rows that lie too far from the centres of their lists, where there are lists: a
     * coarse quantizer may have learned from outliers.
     * @return  sum of squared distances of the rest
     */
    template <class Row, class Centre>
    double leave_out_far_rows(
            const TrainingSet& set, std::vector<size_t>& chosen, const Row& row,
            const Centre& centre) const {
        std::vector<double> squared(chosen.size());
        parallel_for(chosen.size(), [&](size_t i) {
            squared[i] = kernels::squared_distance(row(chosen[i]), centre(chosen[i]), d_);
        });
        const double limit = set.list_of.empty() ? std::numeric_limits<double>::infinity()
                                                 : outlier_limit(squared);
        size_t left = 0;
        double energy = 0;
        for (size_t i = 0; i < chosen.size(); ++i) {
            if (squared[i] > limit && chosen.size() - i + left > M_) continue;
            energy += squared[i];
            chosen[left++] = chosen[i];
        }
        chosen.resize(left);
        return energy;
    }

    /// Signs of rows [begin, end) of the sample, each of the encoder's stride.
    void encode(
            const SignEncoder& encoder, size_t begin, size_t end, float* signs,
            std::span<Fit> fits = {}) const {
        parallel_ranges_with(
                end - begin, SignEncoder::kRows, [] { return SignEncoder::Scratch(); },
                [&](SignEncoder::Scratch& scratch, size_t first, size_t last) {
                    encoder.encode(
                            weighted_.data() + (begin + first) * ld_, ld_,
                            x2_.data() + begin + first, last - first,
                            signs + first * encoder.stride(),
                            fits.empty() ? fits : fits.subspan(first, last - first), scratch);
                });
    }

    /** One round: signs of the first n vectors given B, then B given the signs.
     * @return  the squared error of these vectors with the B of least squares
     */
    double update_basis(size_t n, bool planes) {
        B_ = rows_in_order(B_, energy_order(B_, M_, d_));
        const FreeSignEncoder encoder(B_, M_, d_);
        const size_t stride = encoder.stride();
        std::vector<float> gram(M_ * stride); // S^T S
        std::vector<float> right(M_ * ld_);   // S^T X
        kernels::AlignedVector<float> signs(std::min(n, kChunk) * stride);
        for (size_t begin = 0; begin < n; begin += kChunk) {
            const size_t rows = std::min(kChunk, n - begin);
            encode(encoder, begin, begin + rows, signs.data());
            const std::vector<float> signs_t = transposed(signs.data(), stride, rows, M_);
            add_product(signs_t.data(), M_, rows, signs.data(), stride, gram.data());
            add_product(
                    signs_t.data(), M_, rows, weighted_.data() + begin * ld_, ld_, right.data());
        }
        gram = without_padding(gram, stride, M_);
        right = without_padding(right, ld_, d_);
        constexpr double kBasisRidge = 1e-4;
        for (size_t k = 0; k < M_; ++k)
            gram[k * M_ + k] += static_cast<float>(kBasisRidge * static_cast<double>(n));
        std::vector<float> B = solve(gram, right);
        const double error = kernels::squared_norm(weighted_.data(), n * ld_) -
                             kernels::inner_product(B.data(), right.data(), B.size());
        if (planes) {
            const std::vector<size_t> order = energy_order(B, M_, d_);
            B = rows_in_order(B, order);
            gram = rows_in_order(transposed(gram.data(), M_, M_, M_), order);
            gram = rows_in_order(transposed(gram.data(), M_, M_, M_), order);
            fit_planes(B, gram, basis_);
            B_ = basis_.expanded();
            return error;
        }
        for (size_t i = 0; i < B.size(); ++i) B[i] += kMomentum * (B[i] - B_[i]);
        B_.swap(B);
        return error;
    }

    static std::vector<float> without_padding(
            const std::vector<float>& rows, size_t stride, size_t width) {
        std::vector<float> result(rows.size() / stride * width);
        for (size_t i = 0; i < rows.size() / stride; ++i)
            std::copy_n(rows.data() + i * stride, width, result.data() + i * width);
        return result;
    }

    /// gram^-1 right
    std::vector<float> solve(
            const std::vector<float>& gram, const std::vector<float>& right) const {
        using RowMatrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
        const auto m = static_cast<Eigen::Index>(M_);
        const auto d = static_cast<Eigen::Index>(d_);
        const Eigen::MatrixXd A = Eigen::Map<const RowMatrix>(gram.data(), m, m).cast<double>();
        const Eigen::MatrixXd b = Eigen::Map<const RowMatrix>(right.data(), m, d).cast<double>();
        const RowMatrix B = solve_symmetric(A, b).cast<float>();
        return {B.data(), B.data() + B.size()};
    }

    void fit_scales() {
        const size_t n = std::min(n_, kCalibrationVectors);
        const std::unique_ptr<const SignEncoder> encoder = make_sign_encoder(basis_);
        const size_t stride = encoder->stride();
        std::vector<float> signs(n * stride);
        std::vector<Fit> fits(n);
        encode(*encoder, 0, n, signs.data(), fits);
        std::vector<double> centre_dots(n, 0);
        if (!list_of_.empty()) {
            std::vector<float> weights(centres_.size() / d_ * M_);
            encoder->project(centres_.data(), centres_.size() / d_, weights.data());
            for (size_t i = 0; i < n; ++i)
                centre_dots[i] = std::inner_product(
                        weights.data() + list_of_[i] * M_, weights.data() + (list_of_[i] + 1) * M_,
                        signs.data() + i * stride, 0.0);
        }
        basis_.training_error = static_cast<float>(
                kernels::sum_of(n, [&](size_t i) { return fits[i].residual(); }) /
                static_cast<double>(n));
        basis_.scales = choose_scales(
                {basis_, metric_, n, weighted_.data(), ld_, x2_.data(), signs.data(), stride, fits,
                 list_of_, centres_, centre_dots});
    }
};

} // namespace

Basis train_basis(
        const TrainingSet& set, const Quantizer& quantizer, int depth,
        const TrainingParameters& parameters) {
    return Trainer(set, quantizer, depth, parameters).run();
}

namespace {

/// How many planes of bases the share affords. A plane has a bit for each entry and two bytes for
/// each row's scale.
double affordable_planes(const Quantizer& quantizer, size_t n, double share) {
    const size_t rows = quantizer.atoms() == Atoms::tied ? std::min(quantizer.d(), quantizer.M())
                                                         : quantizer.M();
    const size_t plane_bytes = rows * ((quantizer.d() + 7) / 8 + 2);
    return share * static_cast<double>(n * quantizer.code_size()) /
           static_cast<double>(plane_bytes);
}

} // namespace

BasesChoice one_basis(const Quantizer& quantizer, size_t n, double share) {
    const double planes = affordable_planes(quantizer, n, share);
    return {1, quantizer.wanted_depth().value_or(static_cast<int>(std::clamp<double>(
                       planes, Quantizer::kDepthOfSeveral, Quantizer::kDepthOfOne)))};
}

BasesChoice choose_bases(const Quantizer& quantizer, size_t n, double share) {
    const std::optional<int> depth = quantizer.wanted_depth();
    if (const std::optional<size_t> bases = quantizer.wanted_bases())
        return {*bases,
                depth.value_or(*bases == 1 ? Quantizer::kDepthOfOne : Quantizer::kDepthOfSeveral)};
    if (!std::isfinite(share) || share < 0)
        throw InvalidArgument(
                "BQQ: basis_share = " + std::to_string(share) + ", must be at least 0");
    const int of_several = depth.value_or(Quantizer::kDepthOfSeveral);
    const size_t by_size = n / (kLeastPointsPerAtom * quantizer.M());
    const auto bases = static_cast<size_t>(std::min(
            {affordable_planes(quantizer, n, share) / of_several, static_cast<double>(by_size),
             static_cast<double>(Quantizer::kMaxBases)}));
    return bases > 1 ? BasesChoice{bases, of_several} : one_basis(quantizer, n, share);
}

void train_bases(
        Quantizer& quantizer, BasesChoice choice, const std::function<TrainingSet(size_t b)>& set,
        const TrainingParameters& parameters) {
    TrainingParameters of_basis = parameters;
    if (choice.bases > 1) {
        // All vectors are seen in every round of a small group. Coding error of sentences in 8
        // groups of 152 after 12, 18 and 24 rounds: 0.1843, 0.1831, 0.1819; time 1, 1.3 and 1.7.
        constexpr int kRoundsOfOne = 2;
        of_basis.rounds = std::max(1, parameters.rounds / kRoundsOfOne);
        of_basis.progress.step = {};
    }
    const size_t M = quantizer.M();
    // 10-recall@10 on sentence embeddings, BQQ64, where 64 vectors an atom make 0.41: 0.37 with 16,
    // 0.33 with 4, 0.08 with one.
    constexpr size_t kFewPerAtom = 4;
    size_t fewest = std::numeric_limits<size_t>::max();
    std::vector<Basis> bases;
    for (size_t b = 0; b < choice.bases; ++b) {
        const TrainingSet of_b = set(b);
        fewest = std::min(fewest, of_b.rows.size());
        if (of_b.rows.size() < M)
            throw InvalidArgument(
                    "BQQ: train() got " + std::to_string(of_b.rows.size()) + " vectors, " +
                    std::to_string(M) + " atoms need at least " + std::to_string(M));
        bases.push_back(train_basis(of_b, quantizer, choice.depth, of_basis));
        if (choice.bases > 1) parameters.progress.report("train", b + 1, choice.bases);
    }
    if (quantizer.atoms() == Atoms::free && fewest < kFewPerAtom * M)
        parameters.progress.say(
                "trained " + std::to_string(M) + " atoms on " + std::to_string(fewest) +
                " vectors: with fewer than " + std::to_string(kFewPerAtom) +
                " an atom, expect to find far fewer neighbours");
    constexpr size_t kBitsOfFloat = 32;
    if (M > kBitsOfFloat * quantizer.d())
        parameters.progress.say(
                std::to_string(M) + " bits a vector of d = " + std::to_string(quantizer.d()) +
                ": the floats themselves take less");
    quantizer.set_bases(std::move(bases));
}

} // namespace bqq
