// Time of the kernels by themselves: ns a code for the scan, us a vector for the encoder.
#include "plane_scan.h"

#include "kernels/dot_rows.h"
#include "kernels/levels.h"
#include "kernels/row_products.h"
#include "search/quantized_query.h"
#include "solver/binary_quadratic_program.h"
#include "store/code_blocks.h"

#include <benchmark/benchmark.h>

#include <cmath>
#include <random>
#include <string>
#include <vector>

namespace {

std::vector<float> normals(size_t n) {
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    std::vector<float> values(n);
    for (float& v : values) v = normal(random);
    return values;
}

/// Weights that fall like those of embeddings: the last of M is a tenth of the first.
std::vector<float> falling_weights(size_t M) {
    std::vector<float> w = normals(M);
    for (size_t k = 0; k < M; ++k)
        w[k] *= std::pow(0.1f, static_cast<float>(k) / static_cast<float>(M));
    return w;
}

bqq::CodeBlocks random_codes(size_t code_size, size_t n) {
    std::mt19937 random(2);
    std::vector<uint8_t> bytes(code_size * n);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
    bqq::CodeBlocks codes(code_size);
    codes.add(n, bytes.data());
    return codes;
}

void scan(benchmark::State& state) {
    const auto M = static_cast<size_t>(state.range(0));
    const auto bits = static_cast<int>(state.range(1));
    const bqq::CodeBlocks codes = random_codes(M / 8 + 3, 4096);
    bqq::QuantizedQuery query;
    query.assign(falling_weights(M), bits);
    const bqq::kernels::ScanFilter filter{true, 255,   0x3f000000,    0x10000,
                                          0,    1e-4f, query.slope(), query.offset()};
    uint64_t survivors = 0;
    float bounds[bqq::kernels::kBlock];
    for (auto _ : state)
        benchmark::DoNotOptimize(bqq::kernels::next_survivors(
                query.tables(), filter, codes.view(), 0, codes.view().blocks(), -1e30f, &survivors,
                bounds));
    state.counters["per_code"] = benchmark::Counter(
            4096, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}
BENCHMARK(scan)->ArgNames({"M", "bits"})->ArgsProduct({{64, 128, 256, 384, 512}, {7, 8, 9, 10}});

/// The planes of |q|: as many for each 64-bit word as its largest weight needs.
bqq::bench::QueryPlanes planes_of(const std::vector<int>& q) {
    bqq::bench::QueryPlanes query;
    query.code_bytes = q.size() / 8;
    for (int b = 0; b < 8; ++b) {
        std::vector<uint8_t> plane(query.code_bytes);
        size_t bytes = 0;
        for (size_t k = 0; k < q.size(); ++k)
            if ((std::abs(q[k]) >> b & 1) != 0) {
                plane[k / 8] |= static_cast<uint8_t>(1u << (k % 8));
                bytes = std::min(query.code_bytes, (k / 64 + 1) * 8);
            }
        if (bytes == 0) break;
        query.bytes_of_plane.push_back(static_cast<uint16_t>(bytes));
        query.planes.insert(query.planes.end(), plane.begin(), plane.end());
    }
    return query;
}

/// Stage 1 by look-ups against stage 1 by popcounts of bit planes: the scores alone.
void scores_by_tables(benchmark::State& state) {
    const auto M = static_cast<size_t>(state.range(0));
    const bqq::CodeBlocks codes = random_codes(M / 8, 4096);
    bqq::QuantizedQuery query;
    query.assign(falling_weights(M), 8);
    uint16_t scores[bqq::kernels::kBlock];
    for (auto _ : state)
        for (size_t b = 0; b < codes.view().blocks(); ++b) {
            bqq::kernels::block_scores(
                    query.tables(), codes.view().block(b), bqq::kernels::kBlock, scores);
            benchmark::DoNotOptimize(scores);
        }
    state.counters["per_code"] = benchmark::Counter(
            4096, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}
BENCHMARK(scores_by_tables)->ArgName("M")->Arg(64)->Arg(128)->Arg(256)->Arg(512);

void scores_by_planes(benchmark::State& state) {
    const auto M = static_cast<size_t>(state.range(0));
    const bqq::CodeBlocks codes = random_codes(M / 8, 4096);
    bqq::QuantizedQuery query;
    query.assign(falling_weights(M), 8);
    const bqq::bench::QueryPlanes planes = planes_of(query.integers());
    uint16_t scores[bqq::kernels::kBlock];
    for (auto _ : state)
        for (size_t b = 0; b < codes.view().blocks(); ++b) {
            bqq::bench::plane_scores(planes, codes.view().block(b), scores);
            benchmark::DoNotOptimize(scores);
        }
    state.counters["per_code"] = benchmark::Counter(
            4096, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}
BENCHMARK(scores_by_planes)->ArgName("M")->Arg(64)->Arg(128)->Arg(256)->Arg(512);

void prepare_query(benchmark::State& state) {
    const auto M = static_cast<size_t>(state.range(0));
    const std::vector<float> w = falling_weights(M);
    bqq::QuantizedQuery query;
    for (auto _ : state) {
        query.assign(w, 8);
        benchmark::DoNotOptimize(query.tables());
    }
}
BENCHMARK(prepare_query)->ArgName("M")->Arg(128)->Arg(256)->Arg(512);

void encode(benchmark::State& state) {
    const auto M = static_cast<size_t>(state.range(0));
    const size_t d = M;
    std::vector<float> atoms = normals(M * d);
    const std::vector<float> fall = falling_weights(M);
    for (size_t k = 0; k < M; ++k)
        for (size_t j = 0; j < d; ++j) atoms[k * d + j] *= std::fabs(fall[k]);
    const bqq::BinaryQuadraticProgram program(atoms, M, d);
    const std::vector<float> x = normals(d);
    std::vector<float> h(program.stride()), field, signs(program.stride());
    const bqq::kernels::PackedRows packed(atoms.data(), d, M, d);
    bqq::kernels::dot_rows(x.data(), d, 1, packed, h.data(), program.stride());
    for (auto _ : state) {
        field = h;
        program.solve(field.data(), signs.data());
        benchmark::DoNotOptimize(signs.data());
    }
}
BENCHMARK(encode)->ArgName("M")->Arg(128)->Arg(256)->Arg(512)->Unit(benchmark::kMicrosecond);

/// Products of `queries` rows with the M atoms of a basis, whose entries are numbers of levels.
struct Projection {
    size_t d, M, queries, planes;
    size_t stride = (d + 31) / 32 * 32;
    std::vector<float> q = normals(queries * d), atoms = normals(M * stride), tables;
    std::vector<uint8_t> levels;
    std::vector<float> w = std::vector<float>(queries * M);

    explicit Projection(const benchmark::State& state)
            : d(static_cast<size_t>(state.range(0))),
              M(static_cast<size_t>(state.range(1))),
              queries(static_cast<size_t>(state.range(2))),
              planes(static_cast<size_t>(state.range(3))),
              tables(normals(M * 16 * planes)),
              levels(M * planes * bqq::kernels::level_bytes(d)) {
        std::mt19937 random(2);
        for (uint8_t& byte : levels) byte = static_cast<uint8_t>(random());
        for (size_t k = 0; k < M; ++k)
            std::fill_n(atoms.begin() + (k * stride + d), stride - d, 0.0f);
    }
};

const std::vector<std::string> kProjectionArgs{"d", "M", "queries", "planes"};

void dot_rows(benchmark::State& state) {
    Projection p(state);
    const bqq::kernels::PackedRows packed(p.atoms.data(), p.stride, p.M, p.d);
    for (auto _ : state) {
        bqq::kernels::dot_rows(p.q.data(), p.d, p.queries, packed, p.w.data(), p.M);
        benchmark::DoNotOptimize(p.w.data());
    }
}
BENCHMARK(dot_rows)->ArgNames(kProjectionArgs)->ArgsProduct({{784}, {128, 256}, {1, 16, 48}, {0}});
BENCHMARK(dot_rows)->ArgNames(kProjectionArgs)->ArgsProduct({{100}, {256}, {1, 16, 48}, {0}});

/// With 0 planes the atoms are floats already.
void row_products(benchmark::State& state) {
    Projection p(state);
    constexpr size_t kAtoms = 16; // expanded at a time
    bqq::kernels::AlignedVector<float> tile(kAtoms * p.stride);
    const size_t atom_bytes = p.planes * bqq::kernels::level_bytes(p.d);
    for (auto _ : state) {
        for (size_t k = 0; k < p.M; k += kAtoms) {
            for (size_t j = k; j < k + kAtoms && p.planes > 0; ++j)
                bqq::kernels::expand_levels(
                        p.levels.data() + j * atom_bytes, p.planes,
                        p.tables.data() + j * 16 * p.planes, p.d, tile.data() + (j - k) * p.stride);
            bqq::kernels::row_products(
                    p.q.data(), p.d, p.queries,
                    p.planes > 0 ? tile.data() : p.atoms.data() + k * p.stride, p.stride, kAtoms,
                    p.d, p.w.data() + k, p.M);
        }
        benchmark::DoNotOptimize(p.w.data());
    }
}
BENCHMARK(row_products)
        ->ArgNames(kProjectionArgs)
        ->ArgsProduct({{784}, {128, 256}, {1, 16, 48}, {0, 1, 2}});
BENCHMARK(row_products)
        ->ArgNames(kProjectionArgs)
        ->ArgsProduct({{100}, {256}, {1, 16, 48}, {0, 1, 2}});

} // namespace
