#include "command/arguments.h"

#include "command/threads.h"

#include <omp.h>

#include <limits>
#include <stdexcept>
#include <utility>

namespace bqq::command {

MetricChoice parse_metric(const std::string& name) {
    if (name == "l2") return {faiss::METRIC_L2, false};
    if (name == "ip") return {faiss::METRIC_INNER_PRODUCT, false};
    if (name == "cosine") return {faiss::METRIC_INNER_PRODUCT, true};
    throw UsageError("--metric is '" + name + "', it has to be l2, ip or cosine");
}

void check_positive(const std::string& option, int64_t value) {
    if (value >= 1) return;
    throw UsageError(option + " is " + std::to_string(value) + ", it has to be at least 1");
}

void check_range(const std::string& option, int64_t value, int64_t most) {
    check_positive(option, value);
    if (value <= most) return;
    throw UsageError(
            option + " is " + std::to_string(value) + ", it can be at most " +
            std::to_string(most));
}

void check_seed(int64_t seed) {
    constexpr int64_t kMost = std::numeric_limits<int32_t>::max();
    if (seed >= 0 && seed <= kMost) return;
    throw UsageError(
            "--seed is " + std::to_string(seed) + ", it has to be 0 to " + std::to_string(kMost));
}

void TrainingOptions::add_to(CLI::App& app) {
    app.add_option("--train", vectors, "Train on a random sample of so many vectors [all]");
    app.add_option("--seed", seed, "Seed of the sample and of the training")->capture_default_str();
}

void TrainingOptions::check(const std::string& base, size_t n) const {
    check_seed(seed);
    if (!vectors) return;
    check_positive("--train", *vectors);
    if (std::cmp_less_equal(*vectors, n)) return;
    throw std::runtime_error(
            "--train is " + std::to_string(*vectors) + ", but " + base + " has " +
            std::to_string(n) + " vectors");
}

ThreadOption::ThreadOption() : count(default_threads()) {}

void ThreadOption::check() const {
    check_range("--threads", count, int64_t{4} * omp_get_num_procs());
}

void ThreadOption::add_to(CLI::App& app) {
    app.add_option("--threads", count, "Number of threads")
            ->envname("BQQ_THREADS")
            ->capture_default_str();
}

} // namespace bqq::command
