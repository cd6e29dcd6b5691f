#include "codec/training.h"

#include "codec/bfloat16.h"
#include "codec/calibration.h"
#include "codec/encoder.h"
#include "codec/initial_atoms.h"
#include "codec/sampling.h"
#include "kernels/dot_rows.h"
#include "kernels/squared_norm.h"
#include "nearest/transposed.h"

#include <Eigen/Dense>

#include <algorithm>
#include <cmath>
#include <string>

namespace bqq {

namespace {

// Early rounds see a part of the sample, the last ones all.
constexpr size_t kEarlyPointsPerAtom = 64;
constexpr int kFullRounds = 6;
/** The last rounds bind the basis to its planes: codes that are sought with few planes come to make up for much of
 * what these lose. Error on Fashion-MNIST, M = 128, depth 3: 0.156 after 2 such rounds, 0.153 after 8, 0.151 after
 * 24 (in float 0.140). The more planes, the less there is to gain, and rounds in float have momentum: sentences in
 * 16 groups, depth 4, 0.2718 after 2 of 12 rounds, 0.2698 after 4, 0.2703 after 8.
 */
int plane_rounds(int depth, int rounds) {
    if (depth <= 3) return (2 * rounds + 2) / 3;
    return depth == 4 ? (rounds + 2) / 3 : 2;
}
// Each early round steps beyond the least-squares basis by this part of its change: as good after 16 rounds
// as 25 without (Fashion-MNIST, M = 128).
constexpr float kMomentum = 0.6f;
constexpr double kRidge = 1e-4;

class Trainer {
public:
    Trainer(size_t n, const float* x, const float* centres, size_t d, size_t M, int depth,
            Metric metric, const TrainingParameters& parameters)
            : d_(d), M_(M), metric_(metric), parameters_(parameters) {
        const size_t most = M * parameters.max_points_per_atom;
        if (n > most)
            parameters.progress.say(
                    "training on " + std::to_string(most) + " of " + std::to_string(n) +
                    " vectors (" + std::to_string(parameters.max_points_per_atom) + " an atom)");
        const std::vector<size_t> rows = choose_rows(n, most, parameters.seed);
        n_ = rows.size();
        basis_.d = d;
        basis_.M = M;
        basis_.depth = depth;
        centre(x, centres, rows);
    }

    Trained run() {
        const size_t early = std::min(n_, M_ * kEarlyPointsPerAtom);
        basis_.B = initial_atoms(weighted_.data(), early, d_, M_, parameters_.seed);
        weighted_t_ = transposed(weighted_.data(), d_, n_, d_);
        const int rounds = std::max(parameters_.rounds, 1);
        for (int round = 0; round < rounds; ++round) {
            const bool full = round >= rounds - kFullRounds;
            const bool planes = round >= rounds - plane_rounds(basis_.depth, rounds);
            update_basis(full ? n_ : early, kMomentum, planes);
            parameters_.progress.report(
                    "train", static_cast<size_t>(round) + 1, static_cast<size_t>(rounds));
        }
        return {basis_, fit_scales()};
    }

private:
    size_t d_, M_, n_ = 0;
    Metric metric_;
    const TrainingParameters& parameters_;
    Basis basis_;
    std::vector<float> weighted_;   ///< n x d: the sample in units of the basis, times gain_weight
    std::vector<float> weighted_t_; ///< its transpose, d x n
    std::vector<double> x2_;        ///< n: squared norms before the weight
    std::vector<float> centres_;    ///< n x d, or empty

    void centre(const float* x, const float* centres, const std::vector<size_t>& rows) {
        std::vector<double> mean(d_);
        for (size_t row : rows)
            for (size_t j = 0; j < d_; ++j) mean[j] += x[row * d_ + j];
        basis_.mean.resize(d_);
        for (size_t j = 0; j < d_; ++j)
            basis_.mean[j] = static_cast<float>(mean[j] / static_cast<double>(n_));
        if (centres != nullptr) {
            centres_.resize(n_ * d_);
            for (size_t i = 0; i < n_; ++i)
                std::copy_n(centres + rows[i] * d_, d_, centres_.data() + i * d_);
        }
        double energy = 0;
        for (size_t i = 0; i < n_; ++i)
            for (size_t j = 0; j < d_; ++j) {
                const double r = static_cast<double>(x[rows[i] * d_ + j]) -
                                 static_cast<double>(centre_of(i)[j]);
                energy += r * r;
            }
        energy /= static_cast<double>(n_);
        const auto rms = static_cast<float>(std::sqrt(energy));
        basis_.scale = rms > 0 ? rms : 1.0f;
        // A file keeps sixteen bits of a mean, unless it lies so far out that it needs more.
        constexpr double kHarmless = 1e-5;
        round_to_bfloat16(basis_.mean.data(), d_, kHarmless * energy);

        weighted_.resize(n_ * d_);
        x2_.resize(n_);
#pragma omp parallel for
        for (int64_t row = 0; row < static_cast<int64_t>(n_); ++row) {
            const auto i = static_cast<size_t>(row);
            float* unit = weighted_.data() + i * d_;
            to_unit(basis_, x + rows[i] * d_, centre_of(i), unit);
            x2_[i] = kernels::squared_norm(unit, d_);
            const float weight = gain_weight(x2_[i]);
            for (size_t j = 0; j < d_; ++j) unit[j] *= weight;
        }
    }

    const float* centre_of(size_t i) const {
        return centres_.empty() ? basis_.mean.data() : centres_.data() + i * d_;
    }

    /// One round: signs of the first n vectors given B, then B given the signs.
    void update_basis(size_t n, float momentum, bool planes) {
        basis_.B = rows_in_order(basis_.B, energy_order(basis_.B, M_, d_));
        const BinaryQuadraticProgram program(basis_.B, M_, d_);
        const size_t stride = program.stride();
        std::vector<float> signs(n * stride);
        encode_weighted(
                program, {basis_.B.data(), d_, M_, d_}, weighted_.data(), x2_.data(), n,
                signs.data(), {});

        const std::vector<float> signs_t = transposed(signs.data(), stride, n, M_);
        std::vector<float> gram(M_ * M_);  // S^T S
        std::vector<float> right(M_ * d_); // S^T X
        kernels::dot_rows_parallel(
                signs_t.data(), n, M_, signs_t.data(), n, M_, n, gram.data(), M_);
        kernels::dot_rows_parallel(
                signs_t.data(), n, M_, weighted_t_.data(), n_, d_, n, right.data(), d_);
        for (size_t k = 0; k < M_; ++k)
            gram[k * M_ + k] += static_cast<float>(kRidge * static_cast<double>(n));
        std::vector<float> B = solve(gram, right);
        if (planes) {
            const std::vector<size_t> order = energy_order(B, M_, d_);
            B = rows_in_order(B, order);
            gram = rows_in_order(transposed(gram.data(), M_, M_, M_), order);
            gram = rows_in_order(transposed(gram.data(), M_, M_, M_), order);
            fit_planes(B, gram, basis_);
            return;
        }
        for (size_t i = 0; i < B.size(); ++i) B[i] += momentum * (B[i] - basis_.B[i]);
        basis_.B.swap(B);
    }

    /// gram^-1 right
    std::vector<float> solve(
            const std::vector<float>& gram, const std::vector<float>& right) const {
        using RowMatrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
        const auto m = static_cast<Eigen::Index>(M_);
        const auto d = static_cast<Eigen::Index>(d_);
        const Eigen::MatrixXd A = Eigen::Map<const RowMatrix>(gram.data(), m, m).cast<double>();
        const Eigen::LDLT<Eigen::MatrixXd> factor(A);
        const Eigen::MatrixXd b = Eigen::Map<const RowMatrix>(right.data(), m, d).cast<double>();
        const RowMatrix B = factor.solve(b).cast<float>();
        return {B.data(), B.data() + B.size()};
    }

    ScaleCodec fit_scales() {
        const size_t n = std::min(n_, kCalibrationVectors);
        const BinaryQuadraticProgram program(basis_.B, M_, d_);
        std::vector<float> signs(n * program.stride());
        std::vector<Fit> fits(n);
        const kernels::PackedRows atoms(basis_.B.data(), d_, M_, d_);
        encode_weighted(program, atoms, weighted_.data(), x2_.data(), n, signs.data(), fits);
        std::vector<double> centre_dots(n, 0);
        if (!centres_.empty())
            multiply_centres(
                    basis_, atoms, centres_.data(), n, signs.data(), program.stride(),
                    centre_dots.data());
        return choose_scales(
                {basis_, metric_, n, weighted_.data(), x2_.data(), signs.data(), program.stride(),
                 fits, centres_, centre_dots});
    }
};

} // namespace

Trained train_embedding(
        size_t n, const float* x, const float* centres, size_t d, size_t M, int depth,
        Metric metric, const TrainingParameters& parameters) {
    return Trainer(n, x, centres, d, M, depth, metric, parameters).run();
}

} // namespace bqq
