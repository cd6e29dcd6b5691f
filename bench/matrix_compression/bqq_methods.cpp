#include "base/stopwatch.h"
#include "baselines/approximation.h"
#include "method.h"

#include <bqq/matrix_codec.h>

#include <algorithm>
#include <sstream>

namespace bqq::bench {

namespace {

size_t rank_of(const Matrix<float>& X, double rank_scale) {
    const auto n = static_cast<double>(X.n), d = static_cast<double>(X.d);
    return std::max<size_t>(1, static_cast<size_t>(rank_scale * n * d / (n + d)));
}

MatrixCodec compress(
        const Matrix<float>& X, const Settings& settings, size_t planes, size_t rank,
        MatrixSolver solver, bool joint) {
    MatrixParameters parameters;
    parameters.planes = planes;
    parameters.rank = rank;
    parameters.solver = solver;
    parameters.joint = joint;
    parameters.effort = settings.effort;
    parameters.seed = settings.seed;
    return MatrixCodec::compress(X.values, X.n, X.d, parameters);
}

/** All numbers of planes from one greedy pass, as a code's first planes are those of a smaller
 * code. The time of the pass is divided evenly among the planes.
 */
std::vector<Result> greedy(
        const Matrix<float>& X, const Settings& settings, double rank_scale, MatrixSolver solver) {
    const size_t rank = rank_of(X, rank_scale);
    const auto planes = static_cast<size_t>(settings.bits.back() / rank_scale);
    if (planes == 0) return {};
    const Stopwatch watch;
    const MatrixCodec codec = compress(X, settings, planes, rank, solver, false);
    const double seconds = watch.seconds();
    std::vector<Result> results;
    for (size_t p = 1; p <= planes; ++p) {
        MatrixCodec kept = codec;
        kept.keep_planes(p);
        results.push_back(
                {.bits = static_cast<double>(p) * rank_scale,
                 .bytes = kept.memory_bytes(),
                 .mse = mean_squared_error(X.values, kept.reconstruct()),
                 .seconds = seconds * static_cast<double>(p) / static_cast<double>(planes),
                 .rank_scale = rank_scale});
    }
    return results;
}

std::vector<Result> greedy_at_given_bits(
        const Matrix<float>& X, const Settings& settings, MatrixSolver solver) {
    std::vector<Result> results = greedy(X, settings, 1, solver);
    std::erase_if(results, [&](const Result& result) {
        return std::find(settings.bits.begin(), settings.bits.end(), result.bits) ==
               settings.bits.end();
    });
    return results;
}

std::vector<Result> joint(const Matrix<float>& X, const Settings& settings, MatrixSolver solver) {
    std::vector<Result> results;
    for (const int bits : settings.bits) {
        const Stopwatch watch;
        const MatrixCodec codec =
                compress(X, settings, static_cast<size_t>(bits), rank_of(X, 1), solver, true);
        const double seconds = watch.seconds();
        results.push_back(
                {.bits = static_cast<double>(bits),
                 .bytes = codec.memory_bytes(),
                 .mse = mean_squared_error(X.values, codec.reconstruct()),
                 .seconds = seconds,
                 .rank_scale = 1});
    }
    return results;
}

} // namespace

std::vector<Method> bqq_methods() {
    std::vector<Method> methods;
    for (const MatrixSolver solver : {MatrixSolver::flips, MatrixSolver::amfd}) {
        const std::string name = solver == MatrixSolver::flips ? "BQQ flips" : "BQQ AMFD";
        methods.push_back({name, [solver](const Matrix<float>& X, const Settings& settings) {
                               return greedy_at_given_bits(X, settings, solver);
                           }});
        methods.push_back(
                {name + ", joint", [solver](const Matrix<float>& X, const Settings& settings) {
                     return joint(X, settings, solver);
                 }});
    }
    return methods;
}

std::vector<Method> rank_methods() {
    std::vector<Method> methods;
    for (const double rank_scale : {0.25, 0.5, 1.5, 2.}) {
        std::ostringstream name;
        name << "BQQ flips, rank x " << rank_scale;
        methods.push_back(
                {name.str(), [rank_scale](const Matrix<float>& X, const Settings& settings) {
                     return greedy(X, settings, rank_scale, MatrixSolver::flips);
                 }});
    }
    return methods;
}

} // namespace bqq::bench
