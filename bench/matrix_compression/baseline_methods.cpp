#include "base/stopwatch.h"
#include "baselines/binary_coding.h"
#include "baselines/e8_lattice.h"
#include "baselines/jpeg.h"
#include "baselines/low_rank.h"
#include "baselines/row_kmeans.h"
#include "baselines/truncated_svd.h"
#include "baselines/uniform.h"
#include "method.h"

#include <utility>

namespace bqq::bench {

namespace {

/// @param compress  called with the matrix, the bits and the seed
template <class Compress>
Method at_each_size(std::string name, Compress compress) {
    const auto run = [compress](const Matrix<float>& X, const Settings& settings) {
        std::vector<Result> results;
        for (const int bits : settings.bits) {
            const Stopwatch watch;
            const Approximation found = compress(X, bits, settings.seed);
            const double seconds = watch.seconds();
            results.push_back(
                    {.bits = static_cast<double>(bits),
                     .bytes = found.bytes,
                     .mse = mean_squared_error(X.values, found.reconstruction),
                     .seconds = seconds});
        }
        return results;
    };
    return {std::move(name), run};
}

auto without_seed(Approximation (*compress)(const Matrix<float>&, int)) {
    return [compress](const Matrix<float>& X, int bits, uint64_t) { return compress(X, bits); };
}

auto low_rank_with(int factor_bits) {
    return [factor_bits](const Matrix<float>& X, int bits, uint64_t seed) {
        return low_rank(X, bits, factor_bits, seed);
    };
}

auto kmeans_with(int centroid_bits) {
    return [centroid_bits](const Matrix<float>& X, int bits, uint64_t seed) {
        return row_kmeans(X, bits, centroid_bits, seed);
    };
}

} // namespace

std::vector<Method> baseline_methods() {
    const auto equal_bits = [](const Matrix<float>& X, int bits, uint64_t seed) {
        return low_rank(X, bits, bits, seed);
    };
    return {at_each_size("uniform", without_seed(uniform)),
            at_each_size("binary coding", without_seed(binary_coding)),
            at_each_size("truncated SVD", without_seed(truncated_svd)),
            at_each_size("LPLR, 8 bits", low_rank_with(8)),
            at_each_size("LPLR, 4 bits", low_rank_with(4)),
            at_each_size("LPLR, equal bits", equal_bits),
            at_each_size("k-means of rows, 32 bits", kmeans_with(32)),
            at_each_size("k-means of rows, 8 bits", kmeans_with(8)),
            at_each_size("k-means of rows, 4 bits", kmeans_with(4)),
            at_each_size("E8 lattice", without_seed(e8_lattice)),
            at_each_size("E8 roots", without_seed(e8_roots)),
            at_each_size("8-bit uniform + JPEG", without_seed(jpeg))};
}

} // namespace bqq::bench
