#include "command/signals.h"

#include "io/temporary_paths.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <system_error>
#include <thread>

namespace bqq::command {

namespace {

int write_end = -1; ///< of the pipe that signals come through

extern "C" void tell_of_signal(int signal) {
    const int error = errno;
    const auto byte = static_cast<char>(signal);
    if (::write(write_end, &byte, 1) < 0) std::_Exit(1);
    errno = error;
}

void wait_for_signal(int read_end) {
    char signal = 0;
    while (::read(read_end, &signal, 1) != 1)
        if (errno != EINTR) return;
    remove_temporary_paths();
    std::signal(signal, SIG_DFL);
    ::kill(::getpid(), signal);
}

} // namespace

void remove_temporary_paths_on_signals() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return; // then a signal leaves them behind
    write_end = ends[1];
    // A handler itself may not remove files: a thread waits, as long as the process lives.
    try {
        std::thread(wait_for_signal, ends[0]).detach();
    } catch (const std::system_error&) { // little memory
        return;
    }
    for (const int signal : {SIGINT, SIGTERM}) {
        struct sigaction before {};
        ::sigaction(signal, nullptr, &before);
        if (before.sa_handler != SIG_DFL) continue; // ignored, as under nohup
        struct sigaction action {};
        action.sa_handler = tell_of_signal;
        action.sa_flags = SA_RESTART;
        ::sigaction(signal, &action, nullptr);
    }
}

} // namespace bqq::command
