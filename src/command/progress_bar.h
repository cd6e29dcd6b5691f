#pragma once

#include <bqq/progress.h>

#include <chrono>
#include <cstddef>
#include <string>

namespace bqq::command {

/// One line on standard error that shows how far long work is; silent when that is no terminal.
/// Debian packages no C++ library for progress bars.
class ProgressBar {
public:
    explicit ProgressBar(std::string stage);
    ProgressBar(const ProgressBar&) = delete;
    ProgressBar& operator=(const ProgressBar&) = delete;
    /// Removes the line.
    ~ProgressBar();

    void show(size_t done, size_t total);
    /// The same for work that calls its stages by name.
    void show(const std::string& stage, size_t done, size_t total);

    void clear(); ///< removes the line, until it is shown again
    /// Prints "bqq: <message>" above the bar, on a terminal or not.
    void say(const std::string& message);

    /// What the codec reports to this bar, which has to outlive it.
    Progress listener();

private:
    using Clock = std::chrono::steady_clock;

    std::string stage_;
    const bool on_terminal_;
    bool visible_ = false;
    Clock::time_point begin_;
    Clock::time_point last_shown_;
};

} // namespace bqq::command
