#include <bqq/matrix_codec.h>

#include "base/parallel_for.h"
#include "codec/matrix_block.h"
#include "solver/plane_solver.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

namespace bqq {

namespace {

// The joint pass anneals the later planes again: how they start, and a pass that another follows,
// can be short. A shorter start of the first plane left sift at 2 planes 2 % worse.
constexpr double kLaterPlaneEffort = 0.125;
constexpr double kEarlyPassEffort = 0.5;

/// The sums of scales that make a larger entry would leave the range of a float.
constexpr float kLargest = 1e36f;

void check_matrix(std::span<const float> X, size_t rows, size_t cols, const char* what) {
    if (rows == 0 || cols == 0 || X.size() / cols != rows || X.size() % cols != 0)
        throw InvalidArgument(
                "BQQ: " + std::string(what) + " got " + std::to_string(X.size()) +
                " numbers for a matrix of " + std::to_string(rows) + " x " + std::to_string(cols) +
                ", must be as many, and not 0");
    for (size_t i = 0; i < X.size(); ++i)
        if (!(std::abs(X[i]) <= kLargest)) // so is a NaN
            throw InvalidArgument(
                    "BQQ: " + std::string(what) + " got " + std::to_string(X[i]) + " at row " +
                    std::to_string(i / cols) + ", column " + std::to_string(i % cols) +
                    ", must be from -1e36 to 1e36");
}

void check_parameters(const MatrixParameters& parameters) {
    if (parameters.planes == 0 || parameters.planes > MatrixCodec::kMaxPlanes)
        throw InvalidArgument(
                "BQQ: " + std::to_string(parameters.planes) + " planes, must be 1 to " +
                std::to_string(MatrixCodec::kMaxPlanes));
    if (!(parameters.effort > 0) || !std::isfinite(parameters.effort))
        throw InvalidArgument(
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

/// The block's entries.
std::vector<float> reconstruct_block(const MatrixBlock& block) {
    std::vector<double> sum(block.rows * block.cols, block.u);
    for (const MatrixPlane& plane : block.planes) {
        const std::vector<float> part = reconstruct(plane, block);
        for (size_t i = 0; i < sum.size(); ++i) sum[i] += part[i];
    }
    return {sum.begin(), sum.end()};
}

/** Squared error of the block's entries after each plane, when later planes leave their mean in u.
 * @param errors  output, one for each plane
 */
void measure_errors(const MatrixBlock& block, std::span<const float> X, double* errors) {
    double u = block.u;
    for (const MatrixPlane& plane : block.planes) u += mean_of(plane, block);
    std::vector<double> rest(X.begin(), X.end()); // X less the planes so far, without u
    for (const MatrixPlane& plane : block.planes) {
        u -= mean_of(plane, block);
        const std::vector<float> part = reconstruct(plane, block);
        double sum = 0;
        for (size_t i = 0; i < rest.size(); ++i) {
            rest[i] -= part[i];
            sum += (rest[i] - u) * (rest[i] - u);
        }
        *errors++ = sum;
    }
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
    parallel_for(blocks.size(), [&](size_t b) {
        MatrixBlock& block = blocks[b];
        const std::vector<float> part = cut(X, cols, block);
        std::vector<float> rest = part;
        if (planes_before > 0) {
            const std::vector<float> coded = reconstruct_block(block);
            for (size_t i = 0; i < rest.size(); ++i) rest[i] -= coded[i];
        }
        // Each plane of each block has draws of its own.
        const uint64_t seed = parameters.seed + (uint64_t{b} << 32) + planes_before;
        code_block(rest, parameters, seed, block, report);
        measure_errors(block, part, errors.data() + b * planes);
    });
    std::vector<double> mse(planes);
    for (size_t i = 0; i < errors.size(); ++i)
        mse[i % planes] += errors[i] / static_cast<double>(X.size());
    return mse;
}

/// The number of vectors in an array of x numbers.
/// @throws InvalidArgument  unless it is whole and an array of `out` numbers has as many vectors
size_t count_vectors(size_t x, size_t size, size_t out, size_t out_size, const char* what) {
    const size_t count = size == 0 ? 0 : x / size;
    if (count * size != x || count * out_size != out)
        throw InvalidArgument(
                "BQQ: " + std::string(what) + " got " + std::to_string(x) +
                " numbers for vectors of " + std::to_string(size) + ", and room for " +
                std::to_string(out) + " numbers of vectors of " + std::to_string(out_size));
    return count;
}

} // namespace

MatrixCodec MatrixCodec::compress(
        std::span<const float> X, size_t rows, size_t cols, const MatrixParameters& parameters) {
    check_matrix(X, rows, cols, "compress()");
    check_parameters(parameters);
    MatrixCodec codec;
    codec.rows_ = rows;
    codec.cols_ = cols;
    codec.block_rows_ = std::min(rows, parameters.block_rows.value_or(rows));
    codec.block_cols_ = std::min(cols, parameters.block_cols.value_or(cols));
    if (codec.block_rows_ == 0 || codec.block_cols_ == 0)
        throw InvalidArgument(
                "BQQ: blocks of " + std::to_string(codec.block_rows_) + " x " +
                std::to_string(codec.block_cols_) + ", must be at least 1 x 1");
    const size_t most = 8 * std::min(codec.block_rows_, codec.block_cols_);
    if (parameters.rank && (*parameters.rank == 0 || *parameters.rank > most))
        throw InvalidArgument(
                "BQQ: rank " + std::to_string(*parameters.rank) + " for blocks of " +
                std::to_string(codec.block_rows_) + " x " + std::to_string(codec.block_cols_) +
                ", must be 1 to " + std::to_string(most));
    codec.blocks_ = make_blocks(rows, cols, codec.block_rows_, codec.block_cols_, parameters.rank);
    codec.mse_per_plane_ = code_blocks(X, cols, parameters, 0, codec.blocks_);
    return codec;
}

void MatrixCodec::add_planes(std::span<const float> X, const MatrixParameters& parameters) {
    if (X.size() != rows_ * cols_)
        throw InvalidArgument(
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
}

void MatrixCodec::keep_planes(size_t planes) {
    if (planes == 0 || planes > this->planes())
        throw InvalidArgument(
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
    parallel_for(blocks_.size(), [&](size_t b) {
        const MatrixBlock& block = blocks_[b];
        const std::vector<float> part = reconstruct_block(block);
        for (size_t i = 0; i < block.rows; ++i)
            std::copy_n(
                    part.data() + i * block.cols, block.cols,
                    X.data() + (block.row + i) * cols_ + block.col);
    });
    return X;
}

void MatrixCodec::multiply(std::span<const float> x, std::span<float> out) const {
    const size_t count = count_vectors(x.size(), cols_, out.size(), rows_, "multiply()");
    if (count == 0) return;
    const size_t across = (cols_ + block_cols_ - 1) / block_cols_;
    std::fill(out.begin(), out.end(), 0.0f);
    parallel_for_with(
            blocks_.size() / across, [] { return BlockMultiplier(); },
            [&](BlockMultiplier& multiplier, size_t strip) {
                for (size_t b = strip * across; b < (strip + 1) * across; ++b) {
                    const MatrixBlock& block = blocks_[b];
                    for (size_t i = 0; i < count; ++i)
                        multiplier.multiply(
                                block, x.subspan(i * cols_ + block.col, block.cols),
                                out.subspan(i * rows_ + block.row, block.rows));
                }
            });
}

void MatrixCodec::multiply_transposed(std::span<const float> x, std::span<float> out) const {
    const size_t count = count_vectors(x.size(), rows_, out.size(), cols_, "multiply_transposed()");
    if (count == 0) return;
    const size_t across = (cols_ + block_cols_ - 1) / block_cols_;
    std::fill(out.begin(), out.end(), 0.0f);
    parallel_for_with(
            across, [] { return BlockMultiplier(); },
            [&](BlockMultiplier& multiplier, size_t strip) {
                for (size_t b = strip; b < blocks_.size(); b += across) {
                    const MatrixBlock& block = blocks_[b];
                    for (size_t i = 0; i < count; ++i)
                        multiplier.multiply_transposed(
                                block, x.subspan(i * rows_ + block.row, block.rows),
                                out.subspan(i * cols_ + block.col, block.cols));
                }
            });
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
