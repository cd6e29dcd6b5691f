#include "codec/matrix_block.h"

#include "kernels/bit_products.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <numeric>

namespace bqq {

namespace {

/// @param signs  count x l; @return  their columns as rows of bits
std::vector<uint64_t> pack_columns(const std::vector<int8_t>& signs, size_t count, size_t l) {
    const size_t words = bit_words(count);
    std::vector<uint64_t> bits(l * words);
    for (size_t i = 0; i < count; ++i)
        for (size_t k = 0; k < l; ++k)
            bits[k * words + i / 64] |= uint64_t{signs[i * l + k] > 0} << (i % 64);
    return bits;
}

kernels::BitRows rows_of(const std::vector<uint64_t>& bits, size_t l, size_t n) {
    return {bits.data(), l, n, bit_words(n)};
}

double count_ones(const uint64_t* words, size_t n) {
    double ones = 0;
    for (size_t w = 0; w < n; ++w) ones += std::popcount(words[w]);
    return ones;
}

/// A plane as it is, or transposed: r A^T B + s A^T 1 + t 1 B.
struct Sides {
    const std::vector<uint64_t>& A;
    const std::vector<uint64_t>& B;
    float s;
    float t;
};

} // namespace

MatrixPlane to_bits(
        const SignPlane& plane, const SignScales& scales, size_t m, size_t n, double& u) {
    assert(plane.S.size() == m * plane.l && plane.T.size() == n * plane.l);
    // S = 2Y - 1 and T = 2Z - 1 in a S T + b S 1 + c 1 T.
    const double l = static_cast<double>(plane.l);
    u += (scales.a - scales.b - scales.c) * l;
    return {static_cast<float>(4 * scales.a), static_cast<float>(2 * (scales.b - scales.a)),
            static_cast<float>(2 * (scales.c - scales.a)), pack_columns(plane.S, m, plane.l),
            pack_columns(plane.T, n, plane.l)};
}

MatrixPlane zero_plane(size_t m, size_t n, size_t l) {
    return {0, 0, 0, std::vector<uint64_t>(l * bit_words(m)),
            std::vector<uint64_t>(l * bit_words(n))};
}

double mean_of(const MatrixPlane& plane, const MatrixBlock& block) {
    const double m = static_cast<double>(block.rows);
    const double n = static_cast<double>(block.cols);
    double sum = 0;
    for (size_t k = 0; k < block.rank; ++k) {
        const double y =
                count_ones(plane.Y.data() + k * bit_words(block.rows), bit_words(block.rows)) / m;
        const double z =
                count_ones(plane.Z.data() + k * bit_words(block.cols), bit_words(block.cols)) / n;
        sum += plane.r * y * z + plane.s * y + plane.t * z;
    }
    return sum;
}

/** With v = B x, to += A^T (r v + s sum(x)) + (t sum(v) + u sum(x)) 1; A has l rows of m bits, B l
 * rows of n.
 * @param sides  Sides of a plane
 */
template <class SidesOf>
void BlockMultiplier::multiply(
        const MatrixBlock& block, size_t m, size_t n, std::span<const float> x, std::span<float> to,
        const SidesOf& sides) {
    assert(x.size() == n && to.size() == m);
    x_.assign(64 * bit_words(n), 0.0f);
    std::copy(x.begin(), x.end(), x_.begin());
    to_.assign(64 * bit_words(m), 0.0f);
    weights_.resize(block.rank);
    const float sum_x = std::accumulate(x.begin(), x.end(), 0.0f);
    float constant = block.u * sum_x;
    for (const MatrixPlane& plane : block.planes) {
        const auto [A, B, s, t] = sides(plane);
        kernels::masked_sums(rows_of(B, block.rank, n), x_.data(), weights_.data());
        constant += t * std::accumulate(weights_.begin(), weights_.end(), 0.0f);
        for (float& weight : weights_) weight = plane.r * weight + s * sum_x;
        kernels::add_masked(rows_of(A, block.rank, m), weights_.data(), to_.data());
    }
    for (size_t i = 0; i < m; ++i) to[i] += to_[i] + constant;
}

void BlockMultiplier::multiply(
        const MatrixBlock& block, std::span<const float> x, std::span<float> to) {
    multiply(block, block.rows, block.cols, x, to, [](const MatrixPlane& plane) {
        return Sides{plane.Y, plane.Z, plane.s, plane.t};
    });
}

void BlockMultiplier::multiply_transposed(
        const MatrixBlock& block, std::span<const float> x, std::span<float> to) {
    multiply(block, block.cols, block.rows, x, to, [](const MatrixPlane& plane) {
        return Sides{plane.Z, plane.Y, plane.t, plane.s};
    });
}

std::vector<float> reconstruct(const MatrixPlane& plane, const MatrixBlock& block) {
    const size_t words = bit_words(block.cols);
    assert(plane.Y.size() == block.rank * bit_words(block.rows));
    assert(plane.Z.size() == block.rank * words);
    std::vector<float> X(block.rows * block.cols);
    std::vector<float> weights(block.rank);
    std::vector<float> row(64 * words);
    for (size_t i = 0; i < block.rows; ++i) {
        // Row i is (r y + t 1)^T Z + s sum(y).
        float constant = 0;
        for (size_t k = 0; k < block.rank; ++k) {
            const bool y = plane.Y[k * bit_words(block.rows) + i / 64] >> (i % 64) & 1;
            weights[k] = y ? plane.r + plane.t : plane.t;
            if (y) constant += plane.s;
        }
        std::fill(row.begin(), row.end(), constant);
        kernels::add_masked(
                {plane.Z.data(), block.rank, block.cols, words}, weights.data(), row.data());
        std::copy_n(
                row.begin(), block.cols, X.begin() + static_cast<std::ptrdiff_t>(i * block.cols));
    }
    return X;
}

} // namespace bqq
