#include "codec/tied_atoms.h"

#include "base/linear_algebra.h"
#include "base/parallel_for.h"

#include <Eigen/Core>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <utility>

namespace bqq {

namespace {

// More steps of one direction than this are rounded one after the other: each is about half of the
// one before.
constexpr size_t kMostTabled = 8;
constexpr double kRidge = 1e-7;

/// A sum of signed steps; bit b of `pattern` is the sign of step b.
struct Sum {
    float value;
    uint8_t pattern;
};

/// All sums of at most kMostTabled signed steps, rising.
std::vector<Sum> signed_sums(std::span<const float> steps) {
    std::vector<Sum> sums(size_t{1} << steps.size());
    for (size_t pattern = 0; pattern < sums.size(); ++pattern) {
        float value = 0;
        for (size_t b = 0; b < steps.size(); ++b)
            value += (pattern >> b & 1) != 0 ? steps[b] : -steps[b];
        sums[pattern] = {value, static_cast<uint8_t>(pattern)};
    }
    std::stable_sort(
            sums.begin(), sums.end(), [](const Sum& a, const Sum& b) { return a.value < b.value; });
    return sums;
}

/// The place of the sum nearest to y. @param values  2^n of them, rising
size_t nearest(const float* values, size_t size, float y) {
    size_t at = 0;
    for (size_t half = size / 2; half > 0; half /= 2) { // without branches
        const float bound = 0.5f * (values[at + half - 1] + values[at + half]);
        at += y > bound ? half : 0;
    }
    return at;
}

/// The atoms of each direction, those of the largest steps first.
std::vector<std::vector<uint16_t>> atoms_of_directions(
        std::span<const uint16_t> direction_of, std::span<const float> step, size_t K) {
    std::vector<std::vector<uint16_t>> atoms(K);
    for (size_t k = 0; k < direction_of.size(); ++k)
        atoms[direction_of[k]].push_back(static_cast<uint16_t>(k));
    for (auto& of_direction : atoms)
        std::stable_sort(of_direction.begin(), of_direction.end(), [&](size_t a, size_t b) {
            return std::fabs(step[a]) > std::fabs(step[b]);
        });
    return atoms;
}

} // namespace

std::vector<size_t> allot_bits(std::span<const double> variances, size_t M) {
    // Squared error of a normal number of variance 1 in so many bits (Max, "Quantizing for minimum
    // distortion", 1960: evenly spaced levels); from there on a bit leaves 0.28.
    constexpr double kErrors[] = {1,       0.3634,   0.1188,   0.03744,
                                  0.01154, 0.003495, 0.001041, 0.0003035};
    const auto error = [&](size_t bits) {
        const size_t known = std::min(bits, std::size(kErrors) - 1);
        return kErrors[known] * std::pow(0.28, static_cast<double>(bits - known));
    };
    std::vector<size_t> bits(variances.size());
    const auto gain = [&](size_t i) {
        return variances[i] * (error(bits[i]) - error(bits[i] + 1));
    };
    std::vector<double> gains(variances.size());
    for (size_t i = 0; i < bits.size(); ++i) gains[i] = gain(i);
    for (size_t k = 0; k < M; ++k) {
        const auto i =
                static_cast<size_t>(std::max_element(gains.begin(), gains.end()) - gains.begin());
        ++bits[i];
        gains[i] = gain(i);
    }
    // Coordinates of equal variance get their bits in order, so those without are the last.
    while (bits.size() > 1 && bits.back() == 0) bits.pop_back();
    return bits;
}

TiedSignEncoder::TiedSignEncoder(const Basis& basis)
        : SignEncoder(basis.M, basis.d),
          K_(basis.directions()),
          step_of_atom_(basis.step),
          direction_of_(basis.direction_of),
          gram_(K_ * K_) {
    const std::vector<float> V = basis.expanded_directions();
    rows_ = kernels::PackedRows(V.data(), d(), K_, d());
    kernels::dot_rows(V.data(), d(), K_, rows_, gram_.data(), K_);

    const auto K = static_cast<Eigen::Index>(K_);
    Eigen::MatrixXd gram = Eigen::Map<const Eigen::MatrixXf>(gram_.data(), K, K).cast<double>();
    gram.diagonal().array() += kRidge * gram.trace() / static_cast<double>(K);
    const Eigen::MatrixXd identity = Eigen::MatrixXd::Identity(K, K);
    const Eigen::MatrixXf inverse = solve_symmetric(gram, identity).cast<float>();
    inverse_ = kernels::PackedRows(inverse.data(), K_, K_, K_);

    for (const auto& atoms : atoms_of_directions(direction_of_, step_of_atom_, K_)) {
        const size_t tabled = std::min(atoms.size(), kMostTabled);
        directions_.push_back({atoms_.size(), atoms.size(), tabled, values_.size()});
        for (const uint16_t k : atoms) {
            atoms_.push_back(k);
            steps_.push_back(step_of_atom_[k]);
        }
        for (const Sum& sum : signed_sums({steps_.data() + directions_.back().first, tabled})) {
            values_.push_back(sum.value);
            patterns_.push_back(sum.pattern);
        }
    }
}

void TiedSignEncoder::project(const float* x, size_t n, float* w) const {
    std::vector<float> u(n * K_);
    kernels::dot_rows(x, d(), n, rows_, u.data(), K_);
    tie(direction_of_, step_of_atom_, K_, u.data(), n, w);
}

void TiedSignEncoder::project_signs(const float* signs, float* w) const {
    std::vector<float> z(K_), u(K_);
    for (size_t k = 0; k < M(); ++k) z[direction_of_[k]] += signs[k] * step_of_atom_[k];
    for (size_t i = 0; i < K_; ++i)
        for (size_t j = 0; j < K_; ++j) u[j] += z[i] * gram_[i * K_ + j];
    tie(direction_of_, step_of_atom_, K_, u.data(), 1, w);
}

size_t TiedSignEncoder::memory_bytes() const {
    return sizeof *this + directions_.capacity() * sizeof(Direction) +
           (atoms_.capacity() + direction_of_.capacity()) * sizeof(uint16_t) +
           (steps_.capacity() + values_.capacity() + step_of_atom_.capacity() + gram_.capacity()) *
                   sizeof(float) +
           patterns_.capacity() + rows_.memory_bytes() + inverse_.memory_bytes();
}

void TiedSignEncoder::coordinates(const float* x, size_t ld, size_t n, float* y) const {
    std::vector<float> u(n * K_);
    kernels::dot_rows(x, ld, n, rows_, u.data(), K_);
    kernels::dot_rows(u.data(), K_, n, inverse_, y, K_);
}

void TiedSignEncoder::multiply(const float* x, size_t ld, size_t n, float* h) const {
    kernels::dot_rows(x, ld, n, rows_, h, 2 * K_);
    kernels::dot_rows(h, 2 * K_, n, inverse_, h + K_, 2 * K_);
}

float TiedSignEncoder::round(size_t i, float y, float* signs) const {
    const Direction& direction = directions_[i];
    const uint16_t* atoms = atoms_.data() + direction.first;
    const float* steps = steps_.data() + direction.first;
    const size_t tabled = direction.tabled;
    const size_t at = nearest(values_.data() + direction.table, size_t{1} << tabled, y);
    float sum = values_[direction.table + at];
    const unsigned pattern = patterns_[direction.table + at];
    for (size_t b = 0; b < tabled; ++b) signs[atoms[b]] = (pattern >> b & 1u) != 0 ? 1.0f : -1.0f;
    for (size_t b = tabled; b < direction.count; ++b) {
        const float sign = (y >= sum) == (steps[b] >= 0) ? 1.0f : -1.0f;
        signs[atoms[b]] = sign;
        sum += sign * steps[b];
    }
    return sum;
}

void TiedSignEncoder::solve(
        const float* h, std::vector<float>& /*field*/, float* signs, Fit* fit) const {
    const float* u = h;
    const float* y = h + K_;
    double dot = 0;   // <z, u> for the rounded coordinates z
    double exact = 0; // z^T V V^T z, with V V^T y = u and the errors z - y taken as orthogonal
    double rough = 0; // the same with all directions taken as orthogonal
    double errors = 0;
    for (size_t i = 0; i < K_; ++i) {
        const double z = round(i, y[i], signs);
        const double error = z - static_cast<double>(y[i]);
        const double square = gram_[i * K_ + i];
        dot += z * static_cast<double>(u[i]);
        exact += (z + error) * static_cast<double>(u[i]) + square * error * error;
        rough += square * z * z;
        errors += square * error * error;
    }
    std::fill(signs + M(), signs + stride(), 1.0f);
    // Of a vector beyond the largest sums the first cancels out.
    if (fit != nullptr) *fit = {dot, errors < rough ? exact : rough, 0};
}

namespace {

/// The steps of one direction, fitted to its coordinate of n vectors.
class StepFit {
public:
    StepFit(std::vector<float> y, size_t bits) : y_(std::move(y)), steps_(bits) {
        start();
        constexpr int kRounds = 10;
        for (int round = 0; round < kRounds; ++round) improve();
    }

    const std::vector<float>& steps() const { return steps_; }

private:
    std::vector<float> y_;
    std::vector<float> steps_;

    size_t tabled() const { return std::min(steps_.size(), kMostTabled); }

    void set_halving(double first) {
        for (size_t b = 0; b < steps_.size(); ++b)
            steps_[b] = static_cast<float>(std::ldexp(first, -static_cast<int>(b)));
    }

    /// Visits each vector's y and nearest sum. @param visit(sum, y)
    template <class Visit>
    void assign(const Visit& visit) const {
        const std::vector<Sum> sums = signed_sums({steps_.data(), tabled()});
        std::vector<float> values(sums.size());
        for (size_t s = 0; s < sums.size(); ++s) values[s] = sums[s].value;
        for (const float y : y_) visit(sums[nearest(values.data(), values.size(), y)], y);
    }

    double error() const {
        double sum = 0;
        assign([&](const Sum& nearest, float y) {
            const auto rest = static_cast<double>(y - nearest.value);
            sum += rest * rest;
        });
        return sum;
    }

    /// The best of some scales, about the deviation for one bit and three times it for many.
    void start() {
        double energy = 0;
        for (const float y : y_) energy += static_cast<double>(y) * static_cast<double>(y);
        const double deviation = std::sqrt(energy / static_cast<double>(y_.size()));
        double best = deviation;
        double least = std::numeric_limits<double>::infinity();
        for (double first = 0.5 * deviation; first < 4 * deviation; first *= 1.15) {
            set_halving(first);
            const double now = error();
            if (now < least) {
                least = now;
                best = first;
            }
        }
        set_halving(best);
    }

    /// Least squares for the tabled steps.
    void improve() {
        const auto size = static_cast<Eigen::Index>(tabled());
        Eigen::MatrixXd normal = Eigen::MatrixXd::Zero(size, size);
        Eigen::VectorXd right = Eigen::VectorXd::Zero(size);
        std::vector<double> hits(size_t{1} << tabled()), total(hits.size());
        assign([&](const Sum& nearest, float y) {
            hits[nearest.pattern] += 1;
            total[nearest.pattern] += static_cast<double>(y);
        });
        Eigen::VectorXd signs(size);
        for (size_t pattern = 0; pattern < hits.size(); ++pattern) {
            for (Eigen::Index b = 0; b < size; ++b) signs[b] = (pattern >> b & 1) != 0 ? 1 : -1;
            normal += hits[pattern] * signs * signs.transpose();
            right += total[pattern] * signs;
        }
        normal.diagonal().array() += kRidge * static_cast<double>(y_.size());
        const Eigen::VectorXd fitted = solve_symmetric(normal, right);
        for (Eigen::Index b = 0; b < size; ++b)
            steps_[static_cast<size_t>(b)] = static_cast<float>(fitted[b]);
    }
};

} // namespace

void fit_steps(std::span<const size_t> bits, std::span<const float> y, size_t n, Basis& basis) {
    const size_t K = bits.size();
    std::vector<std::vector<float>> steps(K);
    parallel_for(K, [&](size_t i) {
        std::vector<float> column(n);
        for (size_t r = 0; r < n; ++r) column[r] = y[r * K + i];
        steps[i] = StepFit(std::move(column), bits[i]).steps();
    });
    struct Atom {
        float step;
        uint16_t direction;
    };
    std::vector<Atom> atoms;
    for (size_t i = 0; i < K; ++i)
        for (const float step : steps[i]) atoms.push_back({step, static_cast<uint16_t>(i)});
    std::stable_sort(atoms.begin(), atoms.end(), [](const Atom& a, const Atom& b) {
        return std::fabs(a.step) > std::fabs(b.step);
    });
    basis.step.clear();
    basis.direction_of.clear();
    for (const Atom& atom : atoms) {
        basis.step.push_back(atom.step);
        basis.direction_of.push_back(atom.direction);
    }
}

} // namespace bqq
