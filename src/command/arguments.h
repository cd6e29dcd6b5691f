#pragma once

#include <faiss/MetricType.h>
#include <CLI/CLI.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace bqq::command {

/// How vectors are compared, as --metric names it.
struct MetricChoice {
    faiss::MetricType type = faiss::METRIC_L2;
    bool normalize = false; ///< cosine: vectors are first scaled to norm one
};

/// @throws std::runtime_error  when `name` is none of l2, ip, cosine
MetricChoice parse_metric(const std::string& name);

/// The name that parse_metric reads, "other" for one that it does not know.
std::string metric_name(faiss::MetricType metric);

/// @throws std::runtime_error  when `value` is below 1: "--k is 0, it has to be at least 1"
void check_positive(const std::string& option, int64_t value);

/// Options of the subcommands that build an index.
struct TrainingOptions {
    std::optional<int64_t> vectors; ///< of a random sample, all when absent
    uint64_t seed = 1234;

    void add_to(CLI::App& app);
    /// @throws std::runtime_error  when the sample is empty or larger than the base of n vectors
    void check(const std::string& base, size_t n) const;
};

/// The option --threads.
struct ThreadOption {
    int count;

    ThreadOption();
    void add_to(CLI::App& app);
};

} // namespace bqq::command
