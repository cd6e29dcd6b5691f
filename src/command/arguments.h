#pragma once

#include <faiss/MetricType.h>
#include <CLI/CLI.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>

namespace bqq::command {

/// How vectors are compared, as --metric names it.
struct MetricChoice {
    faiss::MetricType type = faiss::METRIC_L2;
    bool normalize = false; ///< cosine: vectors are first scaled to norm one

    bool operator==(const MetricChoice&) const = default;
};

/// An argument that cannot be, whatever the files hold.
class UsageError : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// What --k may be at most.
inline constexpr int64_t kMostNeighbours = 1'000'000;

/// @throws UsageError  when `name` is none of l2, ip, cosine
MetricChoice parse_metric(const std::string& name);

/// @throws UsageError  when `value` is below 1: "--k is 0, it has to be at least 1"
void check_positive(const std::string& option, int64_t value);
/// @throws UsageError  when `value` is not in 1..most, both named
void check_range(const std::string& option, int64_t value, int64_t most);

/// @throws UsageError  when `seed` is not in 0..2^31 - 1, which FAISS's k-means takes
void check_seed(int64_t seed);

/// Options of the subcommands that build an index.
struct TrainingOptions {
    std::optional<int64_t> vectors; ///< of a random sample, all when absent
    int64_t seed = 1234;

    void add_to(CLI::App& app);
    /// @throws UsageError  when the sample is empty, and as check_seed does
    /// @throws std::runtime_error  when the sample is larger than the base of n vectors
    void check(const std::string& base, size_t n) const;
};

/// The option --threads.
struct ThreadOption {
    int count;

    ThreadOption();
    void add_to(CLI::App& app);
    /// @throws UsageError  when there are none or more than four for each core
    void check() const;
};

} // namespace bqq::command
