#include <bqq/matrix_codec.h>

#include "base/check_finite.h"
#include "base/parallel_for.h"
#include "codec/matrix_block.h"
#include "solver/plane_solver.h"

#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>

namespace bqq {

namespace {

using Clock = std::chrono::steady_clock;

// The joint pass anneals the later planes again: how they start, and a pass that another follows, can be short. A
// shorter start of the first plane left sift at 2 planes 2 % worse.
constexpr double kLaterPlaneEffort = 0.125;
constexpr double kEarlyPassEffort = 0.5;

/// The sums of scales behind a larger entry would leave the range of a float.
constexpr float kLargest = 1e36f;

double seconds_since(Clock::time_point begin) {
    return std::chrono::duration<double>(Clock::now() - begin).count();
}

void check_matrix(std::span<const float> X, size_t rows, size_t cols, const char* what) {
    if (rows == 0 || cols == 0 || X.size() / cols != rows || X.size() % cols != 0)
        throw std::invalid_argument(
                "BQQ: " + std::string(what) + " got " + std::to_string(X.size()) +
                " numbers for a matrix of " + std::to_string(rows) + " x " + std::to_string(cols) +
                ", must be at least 1 x 1");
    check_finite(X.data(), rows, cols, what);
    for (size_t i = 0; i < X.size(); ++i)
        if (std::abs(X[i]) > kLargest)
            throw std::invalid_argument(
                    "BQQ: " + std::string(what) + " got " + std::to_string(X[i]) + " at row " +
                    std::to_string(i / cols) + ", column " + std::to_string(i % cols) +
                    ", must be at most 1e36");
}

void check_parameters(const MatrixParameters& parameters) {
    if (parameters.planes == 0) throw std::invalid_argument("BQQ: 0 planes, must be at least 1");
    if (!(parameters.effort > 0) || !std::isfinite(parameters.effort))
        throw std::invalid_argument(
                "BQQ: effort " + std::to_string(parameters.effort) + ", must be above 0");
}

/// Rank at which a plane has one bit an entry.
double one_bit_rank(double m, double n) {
    return m * n / (m + n);
}

/// The largest rank whose plane has no more bits than the block has entries, at least 1.
size_t default_rank(size_t m, size_t n) {
    return std::max<size_t>(1, m * n / (m + n));
}

std::vector<MatrixBlock> make_blocks(
        size_t rows, size_t cols, size_t block_rows, size_t block_cols,
        const std::optional<size_t>& rank) {
    std::vector<MatrixBlock> blocks;
    for (size_t row = 0; row < rows; row += block_rows)
        for (size_t col = 0; col < cols; col += block_cols) {
            MatrixBlock block;
            block.row = row;
            block.col = col;
            block.rows = std::min(block_rows, rows - row);
            block.cols = std::min(block_cols, cols - col);
            block.rank = default_rank(block.rows, block.cols);
            if (rank) {
                // A smaller block at the end has the same bits an entry.
                const double share = one_bit_rank(double(block.rows), double(block.cols)) /
                                     one_bit_rank(double(block_rows), double(block_cols));
                block.rank = std::max<size_t>(1, static_cast<size_t>(double(*rank) * share));
            }
            blocks.push_back(std::move(block));
        }
    return blocks;
}

std::vector<float> cut(std::span<const float> X, size_t cols, const MatrixBlock& block) {
    std::vector<float> part(block.rows * block.cols);
    for (size_t i = 0; i < block.rows; ++i)
        std::copy_n(
                X.begin() + static_cast<std::ptrdiff_t>((block.row + i) * cols + block.col),
                block.cols, part.begin() + static_cast<std::ptrdiff_t>(i * block.cols));
    return part;
}

/// Affine map of a block to mean 0 and variance 1, in which the solvers work.
struct Unit {
    double mean = 0;
    double deviation = 0;

    explicit Unit(std::span<const float> X) {
        const auto n = static_cast<double>(X.size());
        for (const float x : X) mean += x / n;
        for (const float x : X) deviation += (x - mean) * (x - mean) / n;
        deviation = std::sqrt(deviation);
        // What is below the rounding of the mean is no variation: such a block is constant.
        if (deviation < 1e-7 * std::abs(mean)) deviation = 0;
    }
    std::vector<float> to_unit(std::span<const float> X) const {
        std::vector<float> unit;
        unit.reserve(X.size());
        for (const float x : X) unit.push_back(static_cast<float>((x - mean) / deviation));
        return unit;
    }
};

/// Appends planes of signs to the block and sets u to what they leave.
class PlaneWriter {
public:
    PlaneWriter(const Unit& unit, MatrixBlock& block) : unit_(unit), block_(block), u_(unit.mean) {}

    void write(const SignPlane& plane, SignScales scales) {
        scales.a *= unit_.deviation;
        scales.b *= unit_.deviation;
        scales.c *= unit_.deviation;
        block_.planes.push_back(to_bits(plane, scales, block_.rows, block_.cols, u_));
    }
    double u(double of_unit) const { return u_ + of_unit * unit_.deviation; }

private:
    const Unit& unit_;
    MatrixBlock& block_;
    double u_;
};

std::unique_ptr<PlaneSolver> make_solver(MatrixSolver solver, double effort) {
    if (solver == MatrixSolver::amfd) return std::make_unique<MeanFieldSolver>(effort);
    return std::make_unique<FlipSolver>(effort);
}

using Report = std::function<void()>; // called after each plane

/** Each plane on what those before it leave, its four scales by least squares.
 * @return  u
 */
double code_greedily(
        const std::vector<float>& X, const Unit& unit, const MatrixParameters& parameters,
        uint64_t seed, MatrixBlock& block, const Report& report) {
    const auto solver = make_solver(parameters.solver, parameters.effort);
    PlaneWriter writer(unit, block);
    std::vector<float> residual = X;
    double u = 0;
    for (size_t p = 0; p < parameters.planes; ++p) {
        SignFactors factors(residual, block.rows, block.cols, seed);
        factors.add_plane(
                solver->solve(residual, block.rows, block.cols, block.rank, seed + p), {});
        factors.fit_scales();
        writer.write(factors.plane(0), factors.scales(0));
        u += factors.u();
        residual = factors.residual();
        report();
    }
    return writer.u(u);
}

/// All planes annealed together after each new one, and all scales by least squares.
double code_jointly(
        const std::vector<float>& X, const Unit& unit, const MatrixParameters& parameters,
        uint64_t seed, MatrixBlock& block, const Report& report) {
    SignFactors factors(X, block.rows, block.cols, seed);
    for (size_t p = 0; p < parameters.planes; ++p) {
        double effort = parameters.effort;
        if (parameters.solver == MatrixSolver::flips && p > 0) effort *= kLaterPlaneEffort;
        const auto solver = make_solver(parameters.solver, effort);
        factors.add_plane(
                solver->solve(factors.residual(), block.rows, block.cols, block.rank, seed + p),
                {});
        factors.fit_scales();
        const bool last = p + 1 == parameters.planes;
        if (p > 0) refine_jointly(factors, (last ? 1 : kEarlyPassEffort) * parameters.effort);
        report();
    }
    PlaneWriter writer(unit, block);
    for (size_t p = 0; p < parameters.planes; ++p)
        writer.write(factors.plane(p), factors.scales(p));
    return writer.u(factors.u());
}

/// Adds planes for X to the block, whose u becomes u + that of the new planes.
void code_block(
        const std::vector<float>& X, const MatrixParameters& parameters, uint64_t seed,
        MatrixBlock& block, const Report& report) {
    const Unit unit(X);
    if (unit.deviation == 0) {
        for (size_t p = 0; p < parameters.planes; ++p) {
            block.planes.push_back(zero_plane(block.rows, block.cols, block.rank));
            report();
        }
        block.u += static_cast<float>(unit.mean);
        return;
    }
    const auto code = parameters.joint ? code_jointly : code_greedily;
    block.u += static_cast<float>(code(unit.to_unit(X), unit, parameters, seed, block, report));
}

/// The block's entries from its first planes; the mean of the others is kept.
std::vector<float> reconstruct_block(const MatrixBlock& block, size_t planes) {
    double u = block.u;
    std::vector<double> sum(block.rows * block.cols);
    for (size_t p = 0; p < block.planes.size(); ++p) {
        if (p >= planes) {
            u += mean_of(block.planes[p], block);
            continue;
        }
        const std::vector<float> part = reconstruct(block.planes[p], block);
        for (size_t i = 0; i < sum.size(); ++i) sum[i] += part[i];
    }
    std::vector<float> X(sum.size());
    for (size_t i = 0; i < sum.size(); ++i) X[i] = static_cast<float>(sum[i] + u);
    return X;
}

double squared_error(const std::vector<float>& X, const std::vector<float>& Y) {
    double sum = 0;
    for (size_t i = 0; i < X.size(); ++i) {
        const double e = static_cast<double>(X[i]) - static_cast<double>(Y[i]);
        sum += e * e;
    }
    return sum;
}

/** Codes every block, in parallel.
 * @param planes_before  of each block; what they leave is coded
 * @return  mean squared error after each plane
 */
std::vector<double> code_blocks(
        std::span<const float> X, size_t cols, const MatrixParameters& parameters,
        size_t planes_before, std::vector<MatrixBlock>& blocks) {
    const size_t planes = planes_before + parameters.planes;
    const size_t total = blocks.size() * parameters.planes;
    size_t done = 0;
    std::mutex mutex;
    const Report report = [&] {
        const std::lock_guard lock(mutex);
        parameters.progress.report("compressing", ++done, total);
    };
    std::vector<double> errors(blocks.size() * planes);
    FirstError error;
    const auto count = static_cast<int64_t>(blocks.size());
    // A thread without a block would spin beside the ones that work.
    const int threads = static_cast<int>(std::min<int64_t>(count, omp_get_max_threads()));
#pragma omp parallel for schedule(dynamic) num_threads(threads)
    for (int64_t b = 0; b < count; ++b) {
        error.guard([&] {
            const auto index = static_cast<size_t>(b);
            MatrixBlock& block = blocks[index];
            const std::vector<float> part = cut(X, cols, block);
            std::vector<float> rest = part;
            if (planes_before > 0) {
                const std::vector<float> coded = reconstruct_block(block, planes_before);
                for (size_t i = 0; i < rest.size(); ++i) rest[i] -= coded[i];
            }
            // Blocks differ in their draws; a plane's seed is its number more.
            const uint64_t seed = parameters.seed + (uint64_t{index} << 32) + planes_before;
            code_block(rest, parameters, seed, block, report);
            for (size_t p = 0; p < planes; ++p)
                errors[index * planes + p] = squared_error(part, reconstruct_block(block, p + 1));
        });
    }
    error.rethrow();
    std::vector<double> mse(planes);
    for (size_t i = 0; i < errors.size(); ++i)
        mse[i % planes] += errors[i] / static_cast<double>(X.size());
    return mse;
}

} // namespace

MatrixCodec MatrixCodec::compress(
        std::span<const float> X, size_t rows, size_t cols, const MatrixParameters& parameters) {
    const auto begin = Clock::now();
    check_matrix(X, rows, cols, "compress()");
    check_parameters(parameters);
    MatrixCodec codec;
    codec.rows_ = rows;
    codec.cols_ = cols;
    codec.block_rows_ = parameters.block_rows == 0 ? rows : std::min(rows, parameters.block_rows);
    codec.block_cols_ = parameters.block_cols == 0 ? cols : std::min(cols, parameters.block_cols);
    const size_t most = 8 * std::min(codec.block_rows_, codec.block_cols_);
    if (parameters.rank && (*parameters.rank == 0 || *parameters.rank > most))
        throw std::invalid_argument(
                "BQQ: rank " + std::to_string(*parameters.rank) + " for blocks of " +
                std::to_string(codec.block_rows_) + " x " + std::to_string(codec.block_cols_) +
                ", must be 1 to " + std::to_string(most));
    codec.blocks_ = make_blocks(rows, cols, codec.block_rows_, codec.block_cols_, parameters.rank);
    codec.mse_per_plane_ = code_blocks(X, cols, parameters, 0, codec.blocks_);
    codec.seconds_ = seconds_since(begin);
    return codec;
}

void MatrixCodec::add_planes(std::span<const float> X, const MatrixParameters& parameters) {
    const auto begin = Clock::now();
    if (X.size() != rows_ * cols_)
        throw std::invalid_argument(
                "BQQ: add_planes() got " + std::to_string(X.size()) +
                " numbers, the code is of a " + std::to_string(rows_) + " x " +
                std::to_string(cols_) + " matrix");
    check_matrix(X, rows_, cols_, "add_planes()");
    check_parameters(parameters);
    MatrixParameters greedy = parameters;
    greedy.joint = false;
    std::vector<MatrixBlock> blocks = blocks_;
    mse_per_plane_ = code_blocks(X, cols_, greedy, planes(), blocks);
    blocks_ = std::move(blocks);
    seconds_ += seconds_since(begin);
}

void MatrixCodec::keep_planes(size_t planes) {
    if (planes == 0 || planes > this->planes())
        throw std::invalid_argument(
                "BQQ: keep_planes(" + std::to_string(planes) + "), the code has " +
                std::to_string(this->planes()));
    for (MatrixBlock& block : blocks_) {
        double u = block.u;
        for (size_t p = planes; p < block.planes.size(); ++p) u += mean_of(block.planes[p], block);
        block.u = static_cast<float>(u);
        block.planes.resize(planes);
    }
    mse_per_plane_.resize(planes);
}

std::vector<float> MatrixCodec::reconstruct() const {
    std::vector<float> X(rows_ * cols_);
    const auto count = static_cast<int64_t>(blocks_.size());
    FirstError error;
#pragma omp parallel for schedule(dynamic)
    for (int64_t b = 0; b < count; ++b) {
        error.guard([&] {
            const MatrixBlock& block = blocks_[static_cast<size_t>(b)];
            const std::vector<float> part = reconstruct_block(block, block.planes.size());
            for (size_t i = 0; i < block.rows; ++i)
                std::copy_n(
                        part.begin() + static_cast<std::ptrdiff_t>(i * block.cols), block.cols,
                        X.begin() +
                                static_cast<std::ptrdiff_t>((block.row + i) * cols_ + block.col));
        });
    }
    error.rethrow();
    return X;
}

void MatrixCodec::multiply(const float* x, size_t count, float* out) const {
    const size_t across = cols_ == 0 ? 0 : (cols_ + block_cols_ - 1) / block_cols_;
    const auto strips = static_cast<int64_t>(across == 0 ? 0 : blocks_.size() / across);
    std::fill_n(out, count * rows_, 0.0f);
    FirstError error;
#pragma omp parallel for schedule(dynamic)
    for (int64_t strip = 0; strip < strips; ++strip)
        error.guard([&] {
            BlockMultiplier multiplier;
            for (size_t b = 0; b < across; ++b) {
                const MatrixBlock& block = blocks_[static_cast<size_t>(strip) * across + b];
                for (size_t i = 0; i < count; ++i)
                    multiplier.multiply(
                            block, {x + i * cols_ + block.col, block.cols},
                            {out + i * rows_ + block.row, block.rows});
            }
        });
    error.rethrow();
}

void MatrixCodec::multiply_transposed(const float* x, size_t count, float* out) const {
    const size_t across = cols_ == 0 ? 0 : (cols_ + block_cols_ - 1) / block_cols_;
    const auto strips = static_cast<int64_t>(across);
    std::fill_n(out, count * cols_, 0.0f);
    FirstError error;
#pragma omp parallel for schedule(dynamic)
    for (int64_t strip = 0; strip < strips; ++strip)
        error.guard([&] {
            BlockMultiplier multiplier;
            for (size_t b = static_cast<size_t>(strip); b < blocks_.size(); b += across) {
                const MatrixBlock& block = blocks_[b];
                for (size_t i = 0; i < count; ++i)
                    multiplier.multiply_transposed(
                            block, {x + i * rows_ + block.row, block.rows},
                            {out + i * cols_ + block.col, block.cols});
            }
        });
    error.rethrow();
}

size_t MatrixCodec::memory_bytes() const {
    size_t bits = 0;
    for (const MatrixBlock& block : blocks_) {
        const size_t p = block.planes.size();
        bits += p * block.rank * (block.rows + block.cols) + 32 * (3 * p + 1);
    }
    return (bits + 7) / 8;
}

double MatrixCodec::bits_per_entry() const {
    return 8 * static_cast<double>(memory_bytes()) / static_cast<double>(rows_ * cols_);
}

} // namespace bqq
