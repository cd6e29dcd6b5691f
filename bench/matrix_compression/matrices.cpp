#include "matrices.h"

#include "io/vector_file.h"

#include <cmath>
#include <filesystem>
#include <random>
#include <stdexcept>
#include <utility>

namespace bqq::bench {

namespace {

constexpr size_t kSide = 128; // as in the paper

} // namespace

NamedMatrix random_matrix(uint64_t seed) {
    std::mt19937_64 random(seed);
    std::normal_distribution<float> normal;
    NamedMatrix matrix{"random", {kSide, kSide, std::vector<float>(kSide * kSide)}};
    for (float& value : matrix.X.values) value = normal(random);
    return matrix;
}

NamedMatrix distance_matrix(uint64_t seed) {
    std::mt19937_64 random(seed);
    std::uniform_real_distribution<float> coordinate;
    std::vector<float> x(kSide), y(kSide);
    for (float& value : x) value = coordinate(random);
    for (float& value : y) value = coordinate(random);
    NamedMatrix matrix{"distance", {kSide, kSide, {}}};
    for (size_t i = 0; i < kSide; ++i) {
        for (size_t j = 0; j < kSide; ++j) {
            matrix.X.values.push_back(std::hypot(x[i] - x[j], y[i] - y[j]));
        }
    }
    return matrix;
}

NamedMatrix first_rows(const std::string& name, const std::string& path) {
    NamedMatrix matrix{name, read_vectors(path, kSide)};
    check_finite(matrix.X, path);
    return matrix;
}

NamedMatrix matrix_of_file(const std::string& path) {
    NamedMatrix matrix{std::filesystem::path(path).stem(), read_vectors(path)};
    check_finite(matrix.X, path);
    return matrix;
}

void standardize(NamedMatrix& matrix) {
    std::vector<float>& values = matrix.X.values;
    const auto count = static_cast<double>(values.size());
    double mean = 0, variance = 0;
    for (const float value : values) mean += value / count;
    for (const float value : values) variance += (value - mean) * (value - mean) / count;
    if (!(variance > 0)) {
        throw std::runtime_error(
                matrix.name + ": all entries are equal, none has to be compressed");
    }
    const double deviation = std::sqrt(variance);
    for (float& value : values) value = static_cast<float>((value - mean) / deviation);
}

} // namespace bqq::bench
