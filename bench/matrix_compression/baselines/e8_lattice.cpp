#include "baselines/e8_lattice.h"

#include "baselines/e8_points.h"
#include "baselines/uniform.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace bqq::bench {

namespace {

constexpr int kStarts = 12;     // sizes of the scales, 0.35 to 1.5 of the least that would cover
constexpr int kStartRounds = 4; // of each
constexpr int kRounds = 30;     // of the best

std::vector<E8Point> blocks_of(const Matrix<float>& X) {
    std::vector<E8Point> blocks((X.values.size() + 7) / 8, E8Point{});
    for (size_t i = 0; i < X.values.size(); ++i) blocks[i / 8][i % 8] = X.values[i];
    return blocks;
}

std::vector<float> entries_of(const std::vector<E8Point>& blocks, size_t count) {
    std::vector<float> values(count);
    for (size_t i = 0; i < count; ++i) values[i] = blocks[i / 8][i % 8];
    return values;
}

float dot(const E8Point& a, const E8Point& b) {
    float sum = 0;
    for (size_t i = 0; i < 8; ++i) sum += a[i] * b[i];
    return sum;
}

E8Point times(const E8Point& a, float factor) {
    E8Point product = a;
    for (float& value : product) value *= factor;
    return product;
}

/// Blocks coded as a scale times a point of E8 in a ball.
struct Code {
    std::vector<float> scales;
    std::vector<size_t> chosen; ///< scale of each block
    std::vector<E8Point> points;
    double error = std::numeric_limits<double>::infinity(); ///< squared
};

void encode(const std::vector<E8Point>& blocks, int length, Code& code) {
    code.chosen.resize(blocks.size());
    code.points.resize(blocks.size());
    double sum = 0;
#pragma omp parallel for reduction(+ : sum)
    for (size_t i = 0; i < blocks.size(); ++i) {
        float best = std::numeric_limits<float>::infinity();
        for (size_t g = 0; g < code.scales.size(); ++g) {
            const float scale = code.scales[g];
            const E8Point point = e8::nearest_within(times(blocks[i], 1 / scale), length);
            const float error = dot(blocks[i], blocks[i]) - 2 * scale * dot(blocks[i], point) +
                                scale * scale * dot(point, point);
            if (error < best) {
                best = error;
                code.chosen[i] = g;
                code.points[i] = point;
            }
        }
        sum += best;
    }
    code.error = sum;
}

void refit_scales(const std::vector<E8Point>& blocks, Code& code) {
    std::vector<double> products(code.scales.size()), squares(code.scales.size());
    for (size_t i = 0; i < blocks.size(); ++i) {
        products[code.chosen[i]] += dot(blocks[i], code.points[i]);
        squares[code.chosen[i]] += dot(code.points[i], code.points[i]);
    }
    for (size_t g = 0; g < code.scales.size(); ++g) {
        if (squares[g] > 0 && products[g] > 0) {
            code.scales[g] = static_cast<float>(products[g] / squares[g]);
        }
    }
}

/// Alternates points and scales while the error falls. Scales are the best ones found for the
/// points.
Code alternate(
        const std::vector<E8Point>& blocks, int length, std::vector<float> scales, int rounds) {
    Code best;
    Code code;
    code.scales = std::move(scales);
    for (int round = 0; round < rounds; ++round) {
        encode(blocks, length, code);
        if (code.error >= best.error * (1 - 1e-6)) break;
        best = code;
        refit_scales(blocks, code);
    }
    return best;
}

Code fit(const std::vector<E8Point>& blocks, int length, size_t scale_count) {
    std::vector<float> lengths;
    for (const E8Point& block : blocks) lengths.push_back(std::sqrt(dot(block, block)));
    std::sort(lengths.begin(), lengths.end());
    const auto quantile = [&](double share) {
        return lengths[static_cast<size_t>(share * static_cast<double>(lengths.size()))];
    };
    const float least = lengths.back() * 1e-3f;
    Code best;
    for (int start = 0; start < kStarts; ++start) {
        const double size = 0.35 * std::pow(1.5 / 0.35, start / (kStarts - 1.));
        std::vector<float> scales;
        for (size_t g = 0; g < scale_count; ++g) {
            const double middle = (static_cast<double>(g) + 0.5) / static_cast<double>(scale_count);
            const float covered = std::max(quantile(middle), least);
            scales.push_back(static_cast<float>(size * covered / std::sqrt(length)));
        }
        Code found = alternate(blocks, length, scales, kStartRounds);
        if (found.error < best.error) best = std::move(found);
    }
    return alternate(blocks, length, best.scales, kRounds);
}

/// The largest even squared length with at most `count` points; 0 when only the zero point is left.
int largest_length(uint64_t count) {
    int length = 0;
    while (e8::count_within(length + 2) <= count) length += 2;
    return length;
}

} // namespace

Approximation e8_lattice(const Matrix<float>& X, int bits) {
    const std::vector<E8Point> blocks = blocks_of(X);
    Code best;
    for (const size_t scale_count : {1, 2, 4}) {
        const int length = largest_length((uint64_t{1} << (8 * bits)) / scale_count);
        if (length == 0) continue;
        Code found = fit(blocks, length, scale_count);
        if (found.error < best.error) best = std::move(found);
    }
    std::vector<E8Point> decoded(blocks.size());
    for (size_t i = 0; i < blocks.size(); ++i) {
        decoded[i] = times(best.points[i], best.scales[best.chosen[i]]);
    }
    return {blocks.size() * static_cast<size_t>(bits) + sizeof(float) * best.scales.size(),
            entries_of(decoded, X.values.size())};
}

Approximation e8_roots(const Matrix<float>& X, int bits) {
    std::vector<E8Point> rest = blocks_of(X);
    std::vector<E8Point> decoded(rest.size(), E8Point{});
    for (int stage = 0; stage < bits; ++stage) {
        std::vector<E8Point> chosen;
        std::vector<float> scales;
        for (const E8Point& block : rest) {
            const E8Point& root = *std::max_element(
                    e8::roots().begin(), e8::roots().end(),
                    [&](const E8Point& a, const E8Point& b) {
                        return dot(a, block) < dot(b, block);
                    });
            chosen.push_back(root);
            scales.push_back(dot(root, block) / 2);
        }
        scales = UniformQuantizer::fit(scales, 1).quantized(scales);
        for (size_t i = 0; i < rest.size(); ++i) {
            for (size_t j = 0; j < 8; ++j) {
                rest[i][j] -= scales[i] * chosen[i][j];
                decoded[i][j] += scales[i] * chosen[i][j];
            }
        }
    }
    const auto stages = static_cast<size_t>(bits);
    return {stages * (packed_bytes(rest.size(), 9) + UniformQuantizer::parameter_bytes),
            entries_of(decoded, X.values.size())};
}

} // namespace bqq::bench
