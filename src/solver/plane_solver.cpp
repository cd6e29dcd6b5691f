#include "solver/plane_solver.h"

#include "solver/mean_field_descent.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace bqq {

namespace {

/// A temperature that is linear in the time between given points.
struct Schedule {
    struct Point {
        double done;
        double temperature;
    };
    std::array<Point, 4> points;

    double at(double done) const {
        size_t i = 0;
        while (i + 2 < points.size() && done > points[i + 1].done) ++i;
        const Point& from = points[i];
        const Point& to = points[i + 1];
        return from.temperature +
               (to.temperature - from.temperature) * (done - from.done) / (to.done - from.done);
    }
};

// In units of the mean squared error. Signs freeze between 1.9 and 1.2. Measured on random and sift
// (128 x 128): a start at 1.9 leaves sift 2 % worse, one at 3 random; a straight line from 2.2 to 1
// is 0.4 % worse on random.
constexpr Schedule kSchedule{{{{0, 2.4}, {0.1, 1.9}, {0.9, 1.2}, {1, 0.8}}}};
constexpr size_t kSweeps = 2; // of a row between two products of matrices

// Divided by the square of the number of planes: with more of them a round takes longer and has
// less to gain.
constexpr double kJointRounds = 48000;
constexpr double kJointStartTemperature = 4.5;
constexpr double kJointEndTemperature = 1;
// Measured: at 1 the joint pass gains 3 % over the greedy one on random, at 0.1 to 0.3 it gains 4
// to 5 %.
constexpr double kEarlierPlane = 0.2;

constexpr size_t kFitEvery = 40; // rounds between two fits of the scales

size_t scaled(double count, double effort) {
    return std::max<size_t>(1, static_cast<size_t>(std::llround(count * effort)));
}

/// Accepts gains alone, until there are none.
void cool_down(SignFactors& factors) {
    const std::vector<double> zero(factors.planes(), 0.0);
    constexpr int kMostRounds = 100;
    double error = factors.mse();
    for (int i = 0; i < kMostRounds; ++i) {
        factors.round(zero, 1);
        factors.fit_scales();
        const double now = factors.mse();
        if (now > error * (1 - 1e-5)) break;
        error = now;
    }
}

} // namespace

SignPlane MeanFieldSolver::solve(
        std::span<const float> X, size_t m, size_t n, size_t l, uint64_t seed) const {
    return descend_mean_field(X, m, n, l, scaled(kSteps, effort_), seed);
}

SignPlane FlipSolver::solve(
        std::span<const float> X, size_t m, size_t n, size_t l, uint64_t seed) const {
    SignFactors factors(X, m, n, seed);
    const double variance = factors.mse();
    factors.add_plane(
            descend_mean_field(X, m, n, l, scaled(kDescentSteps, effort_), seed), SignScales());
    factors.fit_scales();
    // A descent that was too short ends above what annealing reaches on Gaussian noise at this many
    // bits an entry.
    const double bits = static_cast<double>(l * (m + n)) / static_cast<double>(m * n);
    double unit = std::min(factors.mse(), variance * std::exp2(-1.5 * bits));
    const size_t rounds = scaled(kRounds, effort_);
    for (size_t i = 0; i < rounds; ++i) {
        const double done = static_cast<double>(i) / static_cast<double>(rounds);
        factors.round(std::vector{kSchedule.at(done) * unit}, kSweeps);
        if (i % kFitEvery == 0) {
            factors.fit_scales();
            unit = std::min(unit, factors.mse());
        }
    }
    cool_down(factors);
    return factors.plane(0);
}

void refine_jointly(SignFactors& factors, double effort) {
    const SignFactors start = factors;
    const double unit = start.mse();
    const size_t rounds =
            scaled(kJointRounds / static_cast<double>(factors.planes() * factors.planes()), effort);
    std::vector<double> temperatures(factors.planes());
    for (size_t i = 0; i < rounds; ++i) {
        const double done = static_cast<double>(i) / static_cast<double>(rounds);
        double temperature = unit * kJointStartTemperature *
                             std::pow(kJointEndTemperature / kJointStartTemperature, done);
        for (size_t p = factors.planes(); p-- > 0; temperature *= kEarlierPlane)
            temperatures[p] = temperature;
        factors.round(temperatures, 1);
        if (i % kFitEvery == 0) factors.fit_scales();
    }
    cool_down(factors);
    if (factors.mse() > unit) factors = start; // the annealing was too short
}

} // namespace bqq
