#pragma once

#include <cstddef>
#include <functional>
#include <string>

namespace bqq {

/// Where long work says how far it is.
struct Progress {
    /// Called with the stage's name and `done` out of `total` steps; from one thread at a time.
    std::function<void(const std::string& stage, size_t done, size_t total)> step;
    /// Called with a sentence that the user should see, such as that the training set was cut.
    std::function<void(const std::string& message)> log;

    void report(const std::string& stage, size_t done, size_t total) const {
        if (step) step(stage, done, total);
    }
    void say(const std::string& message) const {
        if (log) log(message);
    }
};

} // namespace bqq
