#pragma once

#include <bqq/error.h>
#include <bqq/export.h>
#include <bqq/progress.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace bqq {

/// How the bits of a plane are found.
enum class MatrixSolver {
    flips, ///< annealed single-bit flips, started from a short mean-field descent
    amfd,  ///< annealed mean-field descent, the paper's own
};

/// What compressing a matrix may cost, and how.
struct MatrixParameters {
    size_t planes = 2;          ///< p: with the default rank, bits an entry
    std::optional<size_t> rank; ///< l of an m x n block; default floor(mn / (m + n)), at least 1
    std::optional<size_t> block_rows; ///< m, default all rows; the last blocks can be smaller
    std::optional<size_t> block_cols; ///< n, default all columns
    MatrixSolver solver = MatrixSolver::flips;
    bool joint = false;   ///< anneal all planes together after each greedy one
    double effort = 1;    ///< factor on the length of the annealing
    uint64_t seed = 1234; ///< same seed and matrix, same code, whatever the number of threads
    Progress progress;    ///< told after each plane of a block
};

/** One term r Y Z + s Y 1 + t 1 Z of an m x n block; Y in {0,1}^{m x l}, Z in {0,1}^{l x n}.
 *
 * Each column of Y and each row of Z begins a word: Y_ik is bit i % 64 of word
 * k * ((m + 63) / 64) + i / 64. The bits after the last row or column are 0.
 */
struct MatrixPlane {
    float r = 0;
    float s = 0;
    float t = 0;
    std::vector<uint64_t> Y; ///< size l * ((m + 63) / 64)
    std::vector<uint64_t> Z; ///< size l * ((n + 63) / 64)

    bool operator==(const MatrixPlane&) const = default;
};

/// A part of the matrix with scales of its own.
struct MatrixBlock {
    size_t row = 0; ///< of the block's first entry
    size_t col = 0;
    size_t rows = 0; ///< m
    size_t cols = 0; ///< n
    size_t rank = 0; ///< l
    float u = 0;
    std::vector<MatrixPlane> planes;

    bool operator==(const MatrixBlock&) const = default;
};

/** A real matrix in binary quadratic quantization codes, the matrix form of BQQ. Of an m x n block:
 *
 *     X  ~  sum_{i<p} ( r_i Y_i Z_i + s_i Y_i 1 + t_i 1 Z_i ) + u 1 1^T
 *     memory: p l (m + n) bits + 32 (3 p + 1) bits
 *
 * Y 1 adds to every entry of a row the number of ones in that row of Y, 1 Z the same for columns.
 * Kuroki et al., "Binary Quadratic Quantization", NeurIPS 2025; the solver by flips and the joint
 * refinement are not in it. Several threads may call const members at once. All members use the
 * OpenMP threads; none changes a bit with their number.
 */
class BQQ_API MatrixCodec {
public:
    static constexpr size_t kMaxPlanes = 65536;

    MatrixCodec() = default;

    /** Time grows as rows * cols * l * planes * effort.
     * @param X  size rows * cols, row by row
     * @throws InvalidArgument  when X has another size, is empty or holds a NaN, infinity or number
     *         above 1e36 (row and column named), a side of the blocks or rank is 0, planes is not
     *         in 1..kMaxPlanes, rank is above 8 min(m, n), or effort is not positive
     */
    static MatrixCodec compress(
            std::span<const float> X, size_t rows, size_t cols,
            const MatrixParameters& parameters = {});

    /** Codes in more planes what the present ones leave of X; these do not change. Of the
     * parameters, planes is the number to add, and rank, the blocks and joint are not used.
     * @param X  the matrix that was compressed, size rows() * cols()
     * @throws InvalidArgument  as compress() does, or when X has another size
     */
    void add_planes(std::span<const float> X, const MatrixParameters& parameters);

    /** Keeps the first planes; the mean of the others goes into u.
     * @throws InvalidArgument  unless planes is 1 to planes()
     */
    void keep_planes(size_t planes);

    std::vector<float> reconstruct() const; ///< size rows() * cols()

    /** out_i = X x_i without reconstructing X: Z x first, then Y, both by the bits.
     * @param x    vectors, size count * cols()
     * @param out  output, size count * rows(); may not overlap x
     * @throws InvalidArgument  for sizes that do not fit
     */
    void multiply(std::span<const float> x, std::span<float> out) const;

    /// out_i = X^T x_i, as multiply(): x of size count * rows(), out of size count * cols().
    void multiply_transposed(std::span<const float> x, std::span<float> out) const;

    size_t rows() const { return rows_; }
    size_t cols() const { return cols_; }
    size_t planes() const { return blocks_.empty() ? 0 : blocks_.front().planes.size(); }
    const std::vector<MatrixBlock>& blocks() const { return blocks_; } ///< row by row

    size_t memory_bytes() const; ///< of bits and scales, by the formula above
    double bits_per_entry() const;

    /// Mean squared error of the entries after each plane, the later ones dropped; measured when X
    /// was coded.
    const std::vector<double>& mse_per_plane() const { return mse_per_plane_; }

    /** Writes the code and its errors, with a digest.
     * @throws Error      when there is no code
     * @throws FileError  when the file cannot be written; it is then as it was
     */
    void save(const std::string& path) const;
    /// @throws FileError  for a missing, truncated, corrupt or foreign file
    static MatrixCodec load(const std::string& path);
    /// Whether a file begins as one that save() wrote. @throws FileError  when it cannot be read
    static bool is_saved_at(const std::string& path);

private:
    size_t rows_ = 0;
    size_t cols_ = 0;
    size_t block_rows_ = 0; ///< of all blocks but the last ones
    size_t block_cols_ = 0;
    std::vector<MatrixBlock> blocks_;
    std::vector<double> mse_per_plane_;
};

} // namespace bqq
