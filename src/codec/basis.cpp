#include "codec/basis.h"

#include "base/linear_algebra.h"
#include "codec/bfloat16.h"
#include "kernels/aligned.h"
#include "kernels/levels.h"
#include "kernels/row_products.h"
#include "kernels/weighted_rows.h"

#include <bqq/quantizer.h>
#include <Eigen/Core>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>

namespace bqq {

namespace {

// Up to this depth all sums of signed scales are tried for an entry; beyond, plane after plane.
constexpr int kMaxTableDepth = 8;
constexpr int kFirstIterations = 3;
constexpr size_t kMaxNibblePlanes = 4;

/// Sign of bit b of a level of four bits.
constexpr auto kSigns = [] {
    std::array<std::array<float, 16>, 4> signs{};
    for (size_t b = 0; b < 4; ++b)
        for (size_t level = 0; level < 16; ++level)
            signs[b][level] = (level >> b & 1) != 0 ? 1.0f : -1.0f;
    return signs;
}();

/// The planes of one atom: an entry's bits are those of the nearest sum of signed scales.
class PlaneFit {
public:
    PlaneFit(size_t d, int depth)
            : d_(d), depth_(depth), bits_(d), values_(d), rho_(Eigen::VectorXd::Zero(depth)) {}

    const Eigen::VectorXd& rho() const { return rho_; }
    /// bit b: entry j is +1 in plane b
    uint32_t bits(size_t j) const { return bits_[j]; }
    float value(size_t j) const { return values_[j]; }

    void start(const std::vector<float>& target) {
        start_scales(target);
        assign(target);
        for (int i = 0; i < kFirstIterations; ++i) improve(target);
    }

    /// |values - target|^2 does not grow.
    void improve(const std::vector<float>& target) {
        refit_scales(target);
        assign(target);
    }

private:
    struct Level {
        float value;
        uint32_t bits;
    };

    size_t d_;
    int depth_;
    std::vector<uint32_t> bits_;
    std::vector<float> values_; ///< sums of rho_ with the signs of bits_
    Eigen::VectorXd rho_;

    float sum(uint32_t bits) const {
        double sum = 0;
        for (int b = 0; b < depth_; ++b) sum += (bits >> b & 1u) != 0 ? rho_[b] : -rho_[b];
        return static_cast<float>(sum);
    }

    /// Each plane the signs of what the ones before it left.
    void start_scales(const std::vector<float>& target) {
        std::vector<float> rest = target;
        for (int b = 0; b < depth_; ++b) {
            double sum = 0;
            for (float r : rest) sum += std::fabs(r);
            rho_[b] = sum / static_cast<double>(d_);
            for (float& r : rest) r -= std::copysign(static_cast<float>(rho_[b]), r);
        }
    }

    void assign(const std::vector<float>& target) {
        if (depth_ > kMaxTableDepth) {
            assign_greedily(target);
            return;
        }
        std::vector<Level> levels(size_t{1} << depth_);
        for (uint32_t bits = 0; bits < levels.size(); ++bits) levels[bits] = {sum(bits), bits};
        std::stable_sort(levels.begin(), levels.end(), [](const Level& a, const Level& b) {
            return a.value < b.value;
        });
        std::vector<float> bounds; // halfway between neighbouring levels
        for (size_t i = 1; i < levels.size(); ++i)
            bounds.push_back(0.5f * (levels[i - 1].value + levels[i].value));
        for (size_t j = 0; j < d_; ++j) {
            size_t nearest = 0; // by halving, without branches
            for (size_t half = levels.size() / 2; half > 0; half /= 2)
                nearest += target[j] > bounds[nearest + half - 1] ? half : 0;
            bits_[j] = levels[nearest].bits;
            values_[j] = levels[nearest].value;
        }
    }

    void assign_greedily(const std::vector<float>& target) {
        for (size_t j = 0; j < d_; ++j) {
            double rest = static_cast<double>(target[j]);
            uint32_t greedy = 0;
            for (int b = 0; b < depth_; ++b) {
                const bool plus = (rest >= 0) == (rho_[b] >= 0);
                greedy |= static_cast<uint32_t>(plus) << b;
                rest -= plus ? rho_[b] : -rho_[b];
            }
            values_[j] = sum(bits_[j]);
            // The present bits may be better than the greedy ones.
            if (std::fabs(rest) >= static_cast<double>(std::fabs(target[j] - values_[j]))) continue;
            bits_[j] = greedy;
            values_[j] = sum(greedy);
        }
    }

    /// Entries that have the same bits in all planes.
    struct Alike {
        uint32_t bits;
        double count;
        double rest; ///< sum of what their values leave of the target
    };

    std::vector<Alike> group_entries(const std::vector<float>& target) const {
        // Entries with equal bits are counted together where there are few different bits.
        const bool few = depth_ <= kMaxTableDepth;
        std::vector<Alike> groups(few ? size_t{1} << depth_ : d_);
        for (size_t j = 0; j < d_; ++j) {
            Alike& group = groups[few ? bits_[j] : j];
            group.bits = bits_[j];
            group.count += 1;
            group.rest += static_cast<double>(target[j]) - static_cast<double>(values_[j]);
        }
        return groups;
    }

    /// Least squares, as a step from the scales there are.
    void refit_scales(const std::vector<float>& target) {
        Eigen::MatrixXd normal = Eigen::MatrixXd::Zero(depth_, depth_);
        Eigen::VectorXd right = Eigen::VectorXd::Zero(depth_);
        Eigen::VectorXd signs(depth_);
        for (const Alike& group : group_entries(target)) {
            if (group.count == 0) continue;
            for (int b = 0; b < depth_; ++b) signs[b] = (group.bits >> b & 1u) != 0 ? 1 : -1;
            normal.selfadjointView<Eigen::Lower>().rankUpdate(signs, group.count);
            right += group.rest * signs;
        }
        // The ridge makes the system regular where planes are equal, as they are for small d.
        constexpr double kRidge = 1e-6;
        normal.diagonal().array() += kRidge * static_cast<double>(d_);
        rho_ += solve_symmetric(normal, right);
    }
};

} // namespace

void Basis::check(const std::string& name) const {
    const auto check = [&](bool good, const std::string& what) {
        if (!good) throw InvalidArgument("BQQ: " + name + " has " + what);
    };
    const auto check_size = [&](size_t size, size_t right, const char* what) {
        check(size == right, std::string(what) + " of size " + std::to_string(size) + ", must be " +
                                     std::to_string(right));
    };
    const auto check_number = [&](float value, const char* what) {
        check(std::isfinite(value), std::string(what) + " " + std::to_string(value));
    };
    check(depth >= 1 && depth <= Quantizer::kMaxDepth,
          "depth " + std::to_string(depth) + ", must be 1 to " +
                  std::to_string(Quantizer::kMaxDepth));
    check_size(mean.size(), d, "mean");
    const size_t K = directions();
    check(K <= M, std::to_string(K) + " directions of " + std::to_string(M) + " atoms");
    check_size(rho.size(), K * static_cast<size_t>(depth), "rho");
    check_size(levels.size(), K * nibble_planes() * kernels::level_bytes(d), "levels");
    check_size(direction_of.size(), tied() ? M : 0, "directions of atoms");
    check_size(step.size(), tied() ? M : 0, "steps");
    for (const size_t direction : direction_of)
        check(direction < K, "an atom of direction " + std::to_string(direction));
    check(scale > 0 && std::isfinite(scale) && std::isfinite(1 / scale),
          "scale " + std::to_string(scale));
    for (const float value : mean) check_number(value, "mean");
    // In units of the basis all that follows is moderate, so that no sum of products overflows.
    constexpr float kMost = 1e9f;
    const auto check_moderate = [&](double value, const char* what) {
        check(std::fabs(value) <= static_cast<double>(kMost),
              std::string(what) + " " + std::to_string(value));
    };
    for (const float value : rho) check_moderate(static_cast<double>(value), "rho");
    for (const float value : step) check_moderate(static_cast<double>(value), "step");
    for (const float value : {scales.norm_first, scales.norm_step}) check_number(value, "norm");
    check_moderate(static_cast<double>(scales.norm_first), "norm");
    check_moderate(65535.0 * static_cast<double>(scales.norm_step), "range of norms");
    check(std::fabs(scales.calibration) <= 16, "calibration " + std::to_string(scales.calibration));
    check_number(training_error, "training error");
    // Every byte must stand for a number.
    const auto check_steps = [&](int64_t first, int64_t by, int64_t steps, const char* what) {
        check(by >= 0 && first + by >= 0 &&
                      first + steps * by <
                              std::bit_cast<int32_t>(std::numeric_limits<float>::infinity()),
              std::string(what) + " from " + std::to_string(first) + " in steps of " +
                      std::to_string(by));
    };
    check_steps(scales.alpha_first, scales.alpha_step, scales.last_near, "alphas");
    check_steps(scales.far_first, scales.far_step, 255 - scales.last_near, "far alphas");
    if (scales.metric == Metric::l2)
        check_moderate(
                std::bit_cast<float>(scales.far_first + (255 - scales.last_near) * scales.far_step),
                "far alphas up to");
}

void Basis::clear_planes() {
    rho.assign(directions() * static_cast<size_t>(depth), 0);
    levels.assign(directions() * nibble_planes() * kernels::level_bytes(d), 0);
}

void Basis::fill_tables(size_t i, float* tables) const {
    const float* scales_of_i = rho.data() + i * static_cast<size_t>(depth);
    for (size_t p = 0; p < nibble_planes(); ++p) {
        const size_t planes = std::min<size_t>(4, static_cast<size_t>(depth) - 4 * p);
        float scale_of[4] = {};
        std::copy_n(scales_of_i + 4 * p, planes, scale_of);
        // Loops that compilers vectorize.
        for (size_t level = 0; level < 16; ++level) {
            float sum = kSigns[0][level] * scale_of[0];
            for (size_t b = 1; b < 4; ++b) sum += kSigns[b][level] * scale_of[b];
            tables[16 * p + level] = sum;
        }
    }
}

void Basis::expand_direction(size_t i, float* row) const {
    float tables[16 * kMaxNibblePlanes];
    fill_tables(i, tables);
    kernels::expand_levels(levels_of(i), nibble_planes(), tables, d, row);
}

std::vector<float> Basis::expanded_directions() const {
    std::vector<float> V(directions() * d);
    kernels::AlignedVector<float> row(row_size());
    for (size_t i = 0; i < directions(); ++i) {
        expand_direction(i, row.data());
        std::copy_n(row.data(), d, V.data() + i * d);
    }
    return V;
}

void Basis::expand_atom(size_t k, float* row) const {
    expand_direction(tied() ? direction_of[k] : k, row);
    if (tied())
        for (size_t j = 0; j < d; ++j) row[j] *= step[k];
}

std::vector<float> Basis::expanded() const {
    std::vector<float> V = expanded_directions();
    if (!tied()) return V;
    std::vector<float> B(M * d);
    for (size_t k = 0; k < M; ++k)
        for (size_t j = 0; j < d; ++j) B[k * d + j] = step[k] * V[direction_of[k] * d + j];
    return B;
}

void tie(
        std::span<const uint16_t> direction_of, std::span<const float> step, size_t K,
        const float* u, size_t n, float* w) {
    const size_t M = step.size();
    for (size_t i = 0; i < n; ++i, u += K, w += M)
        for (size_t k = 0; k < M; ++k) w[k] = step[k] * u[direction_of[k]];
}

void Basis::project(const float* x, size_t n, float* w) const {
    if (!tied()) return project_on_directions(x, n, w);
    const auto u = std::make_unique_for_overwrite<float[]>(n * tied_directions);
    project_on_directions(x, n, u.get());
    tie(direction_of, step, tied_directions, u.get(), n, w);
}

void Basis::project_on_directions(const float* x, size_t n, float* u) const {
    constexpr size_t kRows = 16; // expanded at a time: they stay in the cache for all vectors
    const size_t K = directions();
    if (n == 1) {
        kernels::AlignedVector<float> padded(row_size());
        std::copy_n(x, d, padded.data());
        alignas(64) float tables[kRows * 16 * kMaxNibblePlanes];
        for (size_t first = 0; first < K; first += kRows) {
            const size_t count = std::min(kRows, K - first);
            for (size_t i = 0; i < count; ++i)
                fill_tables(first + i, tables + i * 16 * nibble_planes());
            kernels::level_products(
                    padded.data(), levels_of(first), nibble_planes(), tables, count, d, u + first);
        }
        return;
    }
    kernels::AlignedVector<float> rows(kRows * row_size());
    for (size_t first = 0; first < K; first += kRows) {
        const size_t count = std::min(kRows, K - first);
        for (size_t i = 0; i < count; ++i)
            expand_direction(first + i, rows.data() + i * row_size());
        kernels::row_products(x, d, n, rows.data(), row_size(), count, d, u + first, K);
    }
}

void Basis::to_unit(const float* x, const float* centre, float* unit) const {
    // Farther out than this a coordinate is clamped, so that squared lengths stay finite in float.
    const float far = 1e18f / std::sqrt(static_cast<float>(d));
    const float inverse = 1 / scale;
    using Row = Eigen::Map<const Eigen::ArrayXf>;
    const auto size = static_cast<Eigen::Index>(d);
    Eigen::Map<Eigen::ArrayXf> to(unit, size);
    to = ((Row(x, size) - Row(centre, size)) * inverse).max(-far).min(far);
}

size_t Basis::memory_bytes() const {
    return sizeof(Basis) + (mean.capacity() + rho.capacity() + step.capacity()) * sizeof(float) +
           direction_of.capacity() * sizeof(uint16_t) + levels.capacity();
}

void fit_planes(
        std::span<const float> target, std::span<const float> gram, Basis& basis, int sweeps) {
    const size_t d = basis.d;
    const size_t K = basis.directions();
    const auto depth = static_cast<size_t>(basis.depth);
    std::vector<float> lost(K * d, 0); // target - V, of the directions that have planes
    std::vector<float> row(d);
    std::vector<float> weights(K);
    std::vector<PlaneFit> fits(K, PlaneFit(d, basis.depth));
    for (int sweep = 0; sweep < sweeps; ++sweep)
        for (size_t k = 0; k < K; ++k) {
            std::copy_n(target.begin() + static_cast<std::ptrdiff_t>(k * d), d, row.begin());
            for (size_t i = 0; i < K; ++i)
                weights[i] = i == k ? 0 : gram[k * K + i] / gram[k * K + k];
            kernels::add_weighted_rows(
                    weights.data(), lost.data(), sweep == 0 ? k : K, d, row.data());
            if (sweep == 0)
                fits[k].start(row);
            else
                fits[k].improve(row);
            for (size_t j = 0; j < d; ++j) lost[k * d + j] = target[k * d + j] - fits[k].value(j);
        }
    basis.clear_planes();
    for (size_t k = 0; k < K; ++k)
        for (size_t b = 0; b < depth; ++b) {
            const auto rho = static_cast<float>(fits[k].rho()[static_cast<int>(b)]);
            basis.rho[k * depth + b] = to_bfloat16(rho);
            for (size_t j = 0; j < d; ++j)
                if ((fits[k].bits(j) >> b & 1u) != 0) basis.set_bit(k, b, j);
        }
}

} // namespace bqq
