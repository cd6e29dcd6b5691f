#include "command/progress_bar.h"

#include <unistd.h>

#include <cstdio>
#include <utility>

namespace bqq::command {

namespace {

constexpr size_t bar_width = 40;
constexpr std::chrono::milliseconds refresh_interval{100};

} // namespace

ProgressBar::ProgressBar(std::string stage)
        : stage_(std::move(stage)),
          on_terminal_(::isatty(STDERR_FILENO) != 0),
          begin_(Clock::now()) {}

ProgressBar::~ProgressBar() {
    clear();
}

void ProgressBar::show(size_t done, size_t total) {
    if (!on_terminal_ || total == 0) return;
    const auto now = Clock::now();
    if (visible_ && done < total && now - last_shown_ < refresh_interval) return;
    last_shown_ = now;
    visible_ = true;

    const double share = static_cast<double>(done) / static_cast<double>(total);
    const auto filled = static_cast<size_t>(share * bar_width);
    const std::string bar = std::string(filled, '#') + std::string(bar_width - filled, ' ');
    const double seconds = std::chrono::duration<double>(now - begin_).count();
    std::fprintf(
            stderr, "\r%s [%s] %3.0f %%  %.0f s\033[K", stage_.c_str(), bar.c_str(), 100 * share,
            seconds);
    std::fflush(stderr);
}

void ProgressBar::show(const std::string& stage, size_t done, size_t total) {
    if (stage != stage_) {
        stage_ = stage;
        begin_ = Clock::now();
        last_shown_ = {};
    }
    show(done, total);
}

void ProgressBar::say(const std::string& message) {
    clear();
    std::fprintf(stderr, "bqq: %s\n", message.c_str());
}

Progress ProgressBar::listener() {
    return {.step = [this](const std::string& stage, size_t done,
                           size_t total) { show(stage, done, total); },
            .log = [this](const std::string& message) { say(message); }};
}

void ProgressBar::clear() {
    if (!visible_) return;
    std::fputs("\r\033[K", stderr);
    std::fflush(stderr);
    visible_ = false;
}

} // namespace bqq::command
