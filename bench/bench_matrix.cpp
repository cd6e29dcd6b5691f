// Products of a matrix with vectors: from its code, and by OpenBLAS from its floats. One thread.
#include <bqq/matrix_codec.h>

#include <benchmark/benchmark.h>
#include <cblas.h>
#include <omp.h>

#include <random>
#include <vector>

namespace {

constexpr size_t kSize = 4096;

std::vector<float> normals(size_t n) {
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    std::vector<float> values(n);
    for (float& v : values) v = normal(random);
    return values;
}

/// The time does not depend on what the bits are, so that the annealing can be short.
const bqq::MatrixCodec& code() {
    static const bqq::MatrixCodec codec = [] {
        bqq::MatrixParameters parameters;
        parameters.planes = 2;
        parameters.block_rows = parameters.block_cols = 128;
        parameters.effort = 1e-3;
        return bqq::MatrixCodec::compress(normals(kSize * kSize), kSize, kSize, parameters);
    }();
    return codec;
}

void matrix_times_vectors(benchmark::State& state, bool transposed) {
    const auto count = static_cast<size_t>(state.range(0));
    const bqq::MatrixCodec& codec = code();
    omp_set_num_threads(1);
    const std::vector<float> x = normals(count * kSize);
    std::vector<float> out(count * kSize);
    for (auto _ : state) {
        if (transposed)
            codec.multiply_transposed(x, out);
        else
            codec.multiply(x, out);
        benchmark::DoNotOptimize(out.data());
    }
}
BENCHMARK_CAPTURE(matrix_times_vectors, code, false)
        ->ArgName("vectors")
        ->Arg(1)
        ->Arg(16)
        ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(matrix_times_vectors, code_transposed, true)
        ->ArgName("vectors")
        ->Arg(1)
        ->Arg(16)
        ->Unit(benchmark::kMillisecond);

void dense_matrix_times_vectors(benchmark::State& state) {
    const auto count = static_cast<int>(state.range(0));
    const auto size = static_cast<int>(kSize);
    openblas_set_num_threads(1);
    const std::vector<float> X = normals(kSize * kSize);
    const std::vector<float> x = normals(static_cast<size_t>(count) * kSize);
    std::vector<float> out(x.size());
    for (auto _ : state) {
        if (count == 1)
            cblas_sgemv(
                    CblasRowMajor, CblasNoTrans, size, size, 1, X.data(), size, x.data(), 1, 0,
                    out.data(), 1);
        else
            cblas_sgemm(
                    CblasRowMajor, CblasNoTrans, CblasTrans, count, size, size, 1, x.data(), size,
                    X.data(), size, 0, out.data(), size);
        benchmark::DoNotOptimize(out.data());
    }
}
BENCHMARK(dense_matrix_times_vectors)
        ->ArgName("vectors")
        ->Arg(1)
        ->Arg(16)
        ->Unit(benchmark::kMillisecond);

} // namespace
