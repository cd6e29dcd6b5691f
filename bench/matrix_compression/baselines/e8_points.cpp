#include "baselines/e8_points.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace bqq::bench::e8 {

namespace {

float distance(const E8Point& a, const E8Point& b) {
    float sum = 0;
    for (size_t i = 0; i < 8; ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sum;
}

float squared_length(const E8Point& x) {
    return distance(x, {});
}

/// The nearest point of D8 + shift: integers with an even sum, moved by shift in every place.
E8Point nearest_of_coset(const E8Point& x, float shift) {
    E8Point point;
    size_t worst = 0; // where the second nearest integer costs least
    float worst_error = 0;
    bool odd = false;
    for (size_t i = 0; i < 8; ++i) {
        const float integer = std::nearbyint(x[i] - shift);
        point[i] = integer + shift;
        odd ^= (static_cast<int>(integer) & 1) != 0;
        const float error = x[i] - point[i];
        if (std::fabs(error) > std::fabs(worst_error)) {
            worst = i;
            worst_error = error;
        }
    }
    if (odd) point[worst] += worst_error < 0 ? -1.0f : 1.0f;
    return point;
}

} // namespace

const std::vector<E8Point>& roots() {
    static const std::vector<E8Point> all = [] {
        std::vector<E8Point> found;
        for (size_t i = 0; i < 8; ++i) {
            for (size_t j = i + 1; j < 8; ++j) {
                for (const float a : {-1.0f, 1.0f}) {
                    for (const float b : {-1.0f, 1.0f}) {
                        E8Point root{};
                        root[i] = a;
                        root[j] = b;
                        found.push_back(root);
                    }
                }
            }
        }
        for (unsigned signs = 0; signs < 256; ++signs) {
            E8Point root;
            unsigned negative = 0;
            for (unsigned i = 0; i < 8; ++i) {
                const bool minus = (signs >> i & 1u) != 0;
                root[i] = minus ? -0.5f : 0.5f;
                negative += minus;
            }
            if (negative % 2 == 0) found.push_back(root);
        }
        return found;
    }();
    return all;
}

E8Point nearest(const E8Point& x) {
    const E8Point a = nearest_of_coset(x, 0), b = nearest_of_coset(x, 0.5f);
    return distance(x, a) <= distance(x, b) ? a : b;
}

E8Point nearest_within(const E8Point& x, int length) {
    const float limit = static_cast<float>(length) + 0.5f; // squared lengths are even integers
    E8Point point = nearest(x);
    if (squared_length(point) < limit) return point;
    // Towards zero until the nearest point is inside: sqrt(2) is more than E8's covering radius.
    float scale = (std::sqrt(limit) + std::sqrt(2.0f)) / std::sqrt(squared_length(x));
    for (; squared_length(point) >= limit; scale *= 0.97f) {
        E8Point shrunk = x;
        for (float& value : shrunk) value *= std::min(scale, 1.0f);
        point = nearest(shrunk);
    }
    // |x - p|^2 = |x|^2 - 2 <x, p> + |p|^2, whose change by a root has only two inner products.
    for (;;) {
        const E8Point* step = nullptr;
        float best_change = -1e-5f;
        for (const E8Point& root : roots()) {
            float from_x = 0, from_point = 0;
            for (size_t i = 0; i < 8; ++i) {
                from_x += x[i] * root[i];
                from_point += point[i] * root[i];
            }
            const float longer = 2 * from_point + 2; // of the squared length
            const float change = longer - 2 * from_x;
            if (change < best_change && squared_length(point) + longer < limit) {
                best_change = change;
                step = &root;
            }
        }
        if (!step) return point;
        for (size_t i = 0; i < 8; ++i) point[i] += (*step)[i];
    }
}

uint64_t count_within(int length) {
    // 240 sigma_3(m) points have the squared length 2 m.
    uint64_t count = 1;
    for (uint64_t m = 1; 2 * m <= static_cast<uint64_t>(length); ++m) {
        for (uint64_t divisor = 1; divisor <= m; ++divisor) {
            if (m % divisor == 0) count += 240 * divisor * divisor * divisor;
        }
    }
    return count;
}

} // namespace bqq::bench::e8
