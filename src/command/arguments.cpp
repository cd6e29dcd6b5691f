#include "command/arguments.h"

#include "command/threads.h"

#include <stdexcept>
#include <utility>

namespace bqq::command {

MetricChoice parse_metric(const std::string& name) {
    if (name == "l2") return {faiss::METRIC_L2, false};
    if (name == "ip") return {faiss::METRIC_INNER_PRODUCT, false};
    if (name == "cosine") return {faiss::METRIC_INNER_PRODUCT, true};
    throw std::runtime_error("--metric is '" + name + "', it has to be l2, ip or cosine");
}

std::string metric_name(faiss::MetricType metric) {
    if (metric == faiss::METRIC_L2) return "l2";
    if (metric == faiss::METRIC_INNER_PRODUCT) return "ip";
    return "other";
}

void check_positive(const std::string& option, int64_t value) {
    if (value >= 1) return;
    throw std::runtime_error(option + " is " + std::to_string(value) + ", it has to be at least 1");
}

void TrainingOptions::add_to(CLI::App& app) {
    app.add_option("--train", vectors, "Train on a random sample of so many vectors [all]");
    app.add_option("--seed", seed, "Seed of the sample and of the training")->capture_default_str();
}

void TrainingOptions::check(const std::string& base, size_t n) const {
    if (!vectors) return;
    check_positive("--train", *vectors);
    if (std::cmp_less_equal(*vectors, n)) return;
    throw std::runtime_error(
            "--train is " + std::to_string(*vectors) + ", but " + base + " has " +
            std::to_string(n) + " vectors");
}

ThreadOption::ThreadOption() : count(default_threads()) {}

void ThreadOption::add_to(CLI::App& app) {
    app.add_option("--threads", count, "Number of threads")->capture_default_str();
}

} // namespace bqq::command
