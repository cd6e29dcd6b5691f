#include <bqq/matrix_codec.h>

#include "random_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <span>
#include <vector>

namespace matrix_codec_test {

using bqq::MatrixBlock;
using bqq::MatrixCodec;
using bqq::MatrixParameters;
using bqq::MatrixPlane;
using bqq::MatrixSolver;
using bqq::test::normal_numbers;
using testing::Each;
using testing::ElementsAre;
using Floats = std::vector<float>;

MatrixParameters quick(size_t planes = 2, double effort = 0.01) {
    MatrixParameters parameters;
    parameters.planes = planes;
    parameters.effort = effort;
    return parameters;
}

/// @param rows, cols  of a block, 0 for all
MatrixParameters in_blocks(size_t rows, size_t cols, size_t planes = 2) {
    MatrixParameters parameters = quick(planes);
    if (rows > 0) parameters.block_rows = rows;
    if (cols > 0) parameters.block_cols = cols;
    return parameters;
}

/// Mean squared difference.
double mse(const Floats& X, const Floats& Y) {
    double sum = 0;
    for (size_t i = 0; i < X.size(); ++i) sum += std::pow(double(X[i]) - double(Y[i]), 2);
    return sum / double(X.size());
}

double relative_error(const Floats& X, const MatrixCodec& codec) {
    return mse(X, codec.reconstruct()) / mse(X, Floats(X.size(), 0));
}

double bit(const std::vector<uint64_t>& bits, size_t k, size_t n, size_t j) {
    return double(bits[k * ((n + 63) / 64) + j / 64] >> (j % 64) & 1);
}

/// The formula of the class comment, entry by entry.
std::vector<double> decoded(const MatrixCodec& codec) {
    std::vector<double> X(codec.rows() * codec.cols(), -1e300);
    for (const MatrixBlock& block : codec.blocks())
        for (size_t i = 0; i < block.rows; ++i)
            for (size_t j = 0; j < block.cols; ++j) {
                auto x = double(block.u);
                for (const MatrixPlane& plane : block.planes)
                    for (size_t k = 0; k < block.rank; ++k) {
                        const double y = bit(plane.Y, k, block.rows, i);
                        const double z = bit(plane.Z, k, block.cols, j);
                        x += double(plane.r) * y * z + double(plane.s) * y + double(plane.t) * z;
                    }
                X[(block.row + i) * codec.cols() + block.col + j] = x;
            }
    return X;
}

struct Shape {
    size_t rows, cols;
    MatrixParameters parameters;
};

/// Whole matrices and blocks, none of them a multiple of the next.
std::vector<Shape> shapes() {
    std::vector<Shape> all{
            {20, 30, quick()},          {70, 9, quick(3)},          {1, 40, quick()},
            {40, 1, quick()},           {3, 130, quick(1)},         {1, 1, quick()},
            {20, 30, in_blocks(8, 16)}, {33, 17, in_blocks(16, 0)}, {9, 70, in_blocks(100, 32)}};
    all.push_back({20, 30, in_blocks(7, 7, 1)});
    all.back().parameters.rank = 9;
    return all;
}

TEST(MatrixCodec, ReconstructIsTheFormulaOfTheBlocks) {
    for (const Shape& shape : shapes()) {
        SCOPED_TRACE(testing::Message() << shape.rows << " x " << shape.cols);
        const Floats X = normal_numbers(shape.rows, shape.cols, 1);
        const auto codec = MatrixCodec::compress(X, shape.rows, shape.cols, shape.parameters);
        EXPECT_EQ(codec.rows(), shape.rows);
        EXPECT_EQ(codec.cols(), shape.cols);
        EXPECT_EQ(codec.planes(), shape.parameters.planes);
        const std::vector<double> expected = decoded(codec);
        const Floats again = codec.reconstruct();
        ASSERT_EQ(again.size(), X.size());
        for (size_t i = 0; i < X.size(); ++i) ASSERT_NEAR(again[i], expected[i], 1e-4) << i;
        EXPECT_LT(relative_error(X, codec), 0.75);
    }
}

TEST(MatrixCodec, ProductsAreThoseOfTheReconstruction) {
    for (const Shape& shape : shapes()) {
        const auto [m, n, parameters] = shape;
        SCOPED_TRACE(testing::Message() << m << " x " << n);
        const auto codec = MatrixCodec::compress(normal_numbers(m, n, 1), m, n, parameters);
        const Floats X = codec.reconstruct();
        for (const size_t count : {0, 1, 3}) {
            const Floats x = normal_numbers(count, n, 2), y = normal_numbers(count, m, 3);
            Floats Xx(count * m + 1, 77), Xy(count * n + 1, 77);
            codec.multiply(x, std::span(Xx).first(count * m));
            codec.multiply_transposed(y, std::span(Xy).first(count * n));
            EXPECT_THROW(codec.multiply(x, Xx), bqq::InvalidArgument);
            EXPECT_THROW(codec.multiply_transposed(y, Xy), bqq::InvalidArgument);
            EXPECT_EQ(Xx.back(), 77);
            EXPECT_EQ(Xy.back(), 77);
            for (size_t c = 0; c < count; ++c) {
                for (size_t i = 0; i < m; ++i) {
                    double sum = 0;
                    for (size_t j = 0; j < n; ++j)
                        sum += double(X[i * n + j]) * double(x[c * n + j]);
                    ASSERT_NEAR(Xx[c * m + i], sum, 2e-4) << c << ' ' << i;
                }
                for (size_t j = 0; j < n; ++j) {
                    double sum = 0;
                    for (size_t i = 0; i < m; ++i)
                        sum += double(X[i * n + j]) * double(y[c * m + i]);
                    ASSERT_NEAR(Xy[c * n + j], sum, 2e-4) << c << ' ' << j;
                }
            }
        }
    }
}

TEST(MatrixCodec, BlocksCoverTheMatrixRowByRow) {
    MatrixParameters parameters = in_blocks(8, 16, 1);
    const auto layout = [&] {
        std::vector<std::vector<size_t>> blocks;
        const auto codec = MatrixCodec::compress(normal_numbers(20, 30, 1), 20, 30, parameters);
        for (const MatrixBlock& block : codec.blocks()) {
            blocks.push_back({block.row, block.col, block.rows, block.cols, block.rank});
            EXPECT_EQ(block.planes[0].Y.size(), block.rank);
            for (size_t k = 0; k < block.rank; ++k) {
                EXPECT_EQ(block.planes[0].Y[k] >> block.rows, 0u) << "bits beyond the rows";
                EXPECT_EQ(block.planes[0].Z[k] >> block.cols, 0u) << "bits beyond the columns";
            }
        }
        return blocks;
    };
    using V = std::vector<size_t>;
    // floor(mn / (m + n))
    EXPECT_THAT(
            layout(), ElementsAre(
                              V{0, 0, 8, 16, 5}, V{0, 16, 8, 14, 5}, V{8, 0, 8, 16, 5},
                              V{8, 16, 8, 14, 5}, V{16, 0, 4, 16, 3}, V{16, 16, 4, 14, 3}));
    // The smaller blocks at the ends have a smaller rank: 16 * 8 * 14 / 22 / (8 * 16 / 24) = 15.3.
    parameters.rank = 16;
    EXPECT_THAT(
            layout(), ElementsAre(
                              V{0, 0, 8, 16, 16}, V{0, 16, 8, 14, 15}, V{8, 0, 8, 16, 16},
                              V{8, 16, 8, 14, 15}, V{16, 0, 4, 16, 9}, V{16, 16, 4, 14, 9}));
    parameters.rank = 1;
    for (const V& block : layout()) EXPECT_EQ(block[4], 1u);
    parameters.rank = 64;
    EXPECT_EQ(layout()[0][4], 64u) << "the highest";
}

TEST(MatrixCodec, MemoryIsBitsAndScales) {
    const Floats X = normal_numbers(16, 16, 1);
    auto codec = MatrixCodec::compress(X, 16, 16, quick(2));
    // p l (m + n) = 2 * 8 * 32 bits, 3 p + 1 scales
    EXPECT_EQ(codec.memory_bytes(), 2u * 8 * 32 / 8 + 4 * 7);
    EXPECT_DOUBLE_EQ(codec.bits_per_entry(), 8.0 * 92 / 256);
    codec.keep_planes(1);
    EXPECT_EQ(codec.memory_bytes(), 8u * 32 / 8 + 4 * 4);
    // Blocks of 16 x 9 and 16 x 7 with ranks 5 and 4: 125 + 92 bits, rounded up once.
    codec = MatrixCodec::compress(X, 16, 16, in_blocks(16, 9, 1));
    EXPECT_EQ(codec.memory_bytes(), (5 * 25 + 4 * 23 + 7) / 8 + 2 * 4 * 4);
}

TEST(MatrixCodec, ErrorsPerPlaneAreThoseOfFewerPlanes) {
    const Floats X = normal_numbers(20, 30, 1);
    for (const bool joint : {false, true})
        for (const size_t block : {0, 12}) {
            MatrixParameters parameters = in_blocks(block, block, 3);
            parameters.joint = joint;
            auto codec = MatrixCodec::compress(X, 20, 30, parameters);
            if (!joint) codec.add_planes(X, quick(1));
            ASSERT_EQ(codec.mse_per_plane().size(), codec.planes());
            const double all = codec.mse_per_plane().back();
            for (size_t p = codec.planes(); p > 0; --p) {
                codec.keep_planes(p);
                ASSERT_EQ(codec.planes(), p);
                ASSERT_EQ(codec.mse_per_plane().size(), p);
                EXPECT_NEAR(mse(X, codec.reconstruct()), codec.mse_per_plane()[p - 1], 1e-5);
                for (const MatrixBlock& b : codec.blocks()) EXPECT_EQ(b.planes.size(), p);
                EXPECT_GE(codec.mse_per_plane()[p - 1], all);
                EXPECT_LT(codec.mse_per_plane()[p - 1], 1) << "the variance of X";
            }
        }
}

TEST(MatrixCodec, KeepingFewerPlanesKeepsTheMean) {
    Floats X = normal_numbers(20, 30, 1);
    for (float& x : X) x += 5;
    auto codec = MatrixCodec::compress(X, 20, 30, quick(3));
    const auto mean = [](const Floats& Y) {
        double sum = 0;
        for (const float y : Y) sum += double(y) / double(Y.size());
        return sum;
    };
    for (const size_t planes : {2, 1}) {
        codec.keep_planes(planes);
        EXPECT_NEAR(mean(codec.reconstruct()), mean(X), 1e-5);
    }
}

TEST(MatrixCodec, AddedPlanesLeaveTheEarlierOnes) {
    const Floats X = normal_numbers(24, 40, 1);
    const auto one = MatrixCodec::compress(X, 24, 40, in_blocks(24, 25, 1));
    const auto two = MatrixCodec::compress(X, 24, 40, in_blocks(24, 25, 2));
    auto added = one;
    added.add_planes(X, quick(1));
    ASSERT_EQ(added.planes(), 2u);
    for (size_t b = 0; b < one.blocks().size(); ++b) {
        EXPECT_EQ(added.blocks()[b].planes[0], one.blocks()[b].planes[0]);
        EXPECT_EQ(added.blocks()[b].rank, one.blocks()[b].rank);
        EXPECT_NE(added.blocks()[b].planes[1].Y, one.blocks()[b].planes[0].Y);
    }
    EXPECT_NEAR(relative_error(X, added), relative_error(X, two), 0.02);
    EXPECT_LT(relative_error(X, added), 0.6 * relative_error(X, one));
    EXPECT_NEAR(added.mse_per_plane()[0], one.mse_per_plane()[0], 1e-5);
    EXPECT_NEAR(added.mse_per_plane()[1], mse(X, added.reconstruct()), 1e-5);
    added.add_planes(X, quick(2));
    EXPECT_EQ(added.planes(), 4u);
    EXPECT_LT(relative_error(X, added), 0.3 * relative_error(X, two));
}

TEST(MatrixCodec, ConstantsAreExact) {
    for (const float constant : {0.0f, 1.0f, -0.1f, 1e30f, -1e-30f, 1e36f})
        for (const Shape& shape : shapes()) {
            const Floats X(shape.rows * shape.cols, constant);
            auto codec = MatrixCodec::compress(X, shape.rows, shape.cols, shape.parameters);
            EXPECT_EQ(codec.reconstruct(), X);
            EXPECT_THAT(codec.mse_per_plane(), Each(0));
            EXPECT_EQ(codec.planes(), shape.parameters.planes);
            codec.add_planes(X, quick(1));
            EXPECT_EQ(codec.reconstruct(), X);
        }
}

TEST(MatrixCodec, AConstantBlockAmongOthersIsExact) {
    Floats X = normal_numbers(16, 24, 1);
    for (size_t i = 0; i < 8; ++i)
        for (size_t j = 8; j < 16; ++j) X[i * 24 + j] = 0.3f;
    const auto codec = MatrixCodec::compress(X, 16, 24, in_blocks(8, 8));
    const Floats again = codec.reconstruct();
    for (size_t i = 0; i < 8; ++i)
        for (size_t j = 8; j < 16; ++j) EXPECT_EQ(again[i * 24 + j], 0.3f);
    EXPECT_LT(relative_error(X, codec), 0.3);
    for (const MatrixBlock& block : codec.blocks()) EXPECT_EQ(block.planes.size(), 2u);
}

TEST(MatrixCodec, PlanesBeyondAnExactCodeDoNoHarm) {
    const Floats X{1, 0, 0, 1};
    for (const bool joint : {false, true})
        for (const MatrixSolver solver : {MatrixSolver::flips, MatrixSolver::amfd}) {
            MatrixParameters parameters = quick(4, 0.05);
            parameters.joint = joint;
            parameters.solver = solver;
            parameters.rank = 2;
            auto codec = MatrixCodec::compress(X, 2, 2, parameters);
            codec.add_planes(X, quick(2));
            EXPECT_LT(relative_error(X, codec), 1e-10); // NaN is not less
            EXPECT_THAT(codec.mse_per_plane(), Each(testing::Lt(0.25)));
        }
}

} // namespace matrix_codec_test
