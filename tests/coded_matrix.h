#pragma once

#include "random_data.h"

#include <bqq/matrix_codec.h>

#include <vector>

namespace bqq::test {

/// The codes of a matrix, and its products by them.
struct CodedMatrix {
    std::vector<MatrixBlock> blocks;
    std::vector<float> products, transposed;

    explicit CodedMatrix(MatrixSolver solver) {
        constexpr size_t kRows = 20, kCols = 37, kCount = 3;
        MatrixParameters parameters;
        parameters.solver = solver;
        parameters.joint = true;
        parameters.effort = 0.05;
        parameters.block_rows = 12;
        const auto codec =
                MatrixCodec::compress(normal_numbers(kRows, kCols, 5), kRows, kCols, parameters);
        blocks = codec.blocks();
        products.resize(kCount * kRows);
        codec.multiply(normal_numbers(kCount, kCols, 6), products);
        transposed.resize(kCount * kCols);
        codec.multiply_transposed(normal_numbers(kCount, kRows, 7), transposed);
    }
    bool operator==(const CodedMatrix&) const = default;
};

} // namespace bqq::test
