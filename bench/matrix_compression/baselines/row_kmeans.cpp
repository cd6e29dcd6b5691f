#include "baselines/row_kmeans.h"

#include "baselines/uniform.h"

#include <faiss/Clustering.h>
#include <faiss/IndexFlat.h>
#include <faiss/utils/distances.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>
#include <random>

namespace bqq::bench {

namespace {

size_t bytes_of(const Matrix<float>& X, size_t k, int centroid_bits) {
    const auto label_bits = static_cast<size_t>(std::bit_width(k - 1));
    return packed_bytes(k * X.d, static_cast<size_t>(centroid_bits)) +
           packed_bytes(X.n, label_bits) +
           (centroid_bits < 32 ? UniformQuantizer::parameter_bytes : 0);
}

/// Each next centroid is a row, drawn in proportion to its squared distance from those before it.
std::vector<float> kmeans_plus_plus(const Matrix<float>& X, size_t k, std::mt19937_64& random) {
    std::vector<double> distances(X.n, 1);
    std::vector<float> centroids;
    for (size_t c = 0; c < k; ++c) {
        std::discrete_distribution<size_t> choice(distances.begin(), distances.end());
        const float* chosen = X.row(choice(random));
        centroids.insert(centroids.end(), chosen, chosen + X.d);
        for (size_t i = 0; i < X.n; ++i) {
            const double distance = faiss::fvec_L2sqr(X.row(i), chosen, X.d);
            distances[i] = std::min(c == 0 ? distance : distances[i], distance);
            distances[i] = std::max(distances[i], 1e-30); // rows may be fewer than k
        }
    }
    return centroids;
}

struct Assignment {
    std::vector<float> rows; ///< the centroid of each row, size n * d
    double error = std::numeric_limits<double>::infinity();
};

Assignment assign(const Matrix<float>& X, const std::vector<float>& centroids) {
    faiss::IndexFlatL2 index(static_cast<int64_t>(X.d));
    index.add(static_cast<int64_t>(centroids.size() / X.d), centroids.data());
    std::vector<float> distances(X.n);
    std::vector<int64_t> labels(X.n);
    index.search(static_cast<int64_t>(X.n), X.values.data(), 1, distances.data(), labels.data());
    Assignment found{{}, 0};
    for (size_t i = 0; i < X.n; ++i) {
        const float* centroid = centroids.data() + static_cast<size_t>(labels[i]) * X.d;
        found.rows.insert(found.rows.end(), centroid, centroid + X.d);
        found.error += faiss::fvec_L2sqr(X.row(i), centroid, X.d);
    }
    return found;
}

std::vector<float> cluster(const Matrix<float>& X, size_t k, std::mt19937_64& random) {
    faiss::Clustering clustering(static_cast<int>(X.d), static_cast<int>(k));
    clustering.niter = 50;
    clustering.min_points_per_centroid = 1;
    clustering.max_points_per_centroid = static_cast<int>(X.n);
    clustering.seed = static_cast<int>(random() >> 33);
    clustering.centroids = kmeans_plus_plus(X, k, random);
    faiss::IndexFlatL2 index(static_cast<int64_t>(X.d));
    clustering.train(static_cast<int64_t>(X.n), X.values.data(), index);
    return clustering.centroids;
}

} // namespace

Approximation row_kmeans(const Matrix<float>& X, int bits, int centroid_bits, uint64_t seed) {
    size_t k = X.n;
    while (k > 0 && bytes_of(X, k, centroid_bits) > budget_bytes(X, bits)) --k;
    Approximation result = zero_matrix(X);
    if (k == 0) return result;

    std::mt19937_64 random(seed);
    Assignment best;
    std::vector<float> centroids;
    constexpr int kStarts = 100;
    for (int start = 0; start < kStarts; ++start) {
        std::vector<float> candidate = cluster(X, k, random);
        Assignment found = assign(X, candidate);
        if (found.error >= best.error) continue;
        best = std::move(found);
        centroids = std::move(candidate);
    }
    if (centroid_bits < 32) {
        // Fitted to the centroid of each row: a centroid counts as often as it is used.
        const auto quantizer = UniformQuantizer::fit(best.rows, centroid_bits);
        best = assign(X, quantizer.quantized(centroids));
    }
    result.bytes = bytes_of(X, k, centroid_bits);
    result.reconstruction = std::move(best.rows);
    return result;
}

} // namespace bqq::bench
