#include "command/temporary_folder.h"

#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>

namespace bqq::command {

namespace {

namespace fs = std::filesystem;

int write_end = -1; ///< of the pipe that signals come through

extern "C" void tell_of_signal(int signal) {
    const int error = errno;
    const auto byte = static_cast<char>(signal);
    if (::write(write_end, &byte, 1) < 0) std::_Exit(1);
    errno = error;
}

/** The folders that there are. A thread waits for SIGINT and SIGTERM, removes them, and then lets
 * the signal end the process: a handler itself may not remove files. It lives as long as the
 * process.
 */
class Folders {
public:
    static Folders& all() {
        static auto* const folders = new Folders; // the thread may outlive main()
        return *folders;
    }

    void add(const fs::path& path) {
        const std::lock_guard lock(mutex_);
        paths_.insert(path);
    }
    void remove(const fs::path& path) {
        std::error_code ignored;
        fs::remove_all(path, ignored);
        const std::lock_guard lock(mutex_);
        paths_.erase(path);
    }

private:
    std::mutex mutex_;
    std::set<fs::path> paths_;

    Folders() {
        int ends[2];
        if (::pipe(ends) != 0) return; // then a signal leaves folders behind
        write_end = ends[1];
        std::thread([this, read_end = ends[0]] { wait_for_signal(read_end); }).detach();
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

    void wait_for_signal(int read_end) {
        char signal = 0;
        while (::read(read_end, &signal, 1) != 1)
            if (errno != EINTR) return;
        const std::lock_guard lock(mutex_);
        for (const fs::path& path : paths_) {
            std::error_code ignored;
            fs::remove_all(path, ignored);
        }
        std::signal(signal, SIG_DFL);
        ::kill(::getpid(), signal);
    }
};

} // namespace

TemporaryFolder::TemporaryFolder() {
    Folders& folders = Folders::all();
    std::string path = fs::temp_directory_path() / "bqq-XXXXXX";
    if (!::mkdtemp(path.data())) {
        throw std::runtime_error("cannot create the folder " + path + ": " + std::strerror(errno));
    }
    path_ = path;
    folders.add(path_);
}

TemporaryFolder::~TemporaryFolder() {
    Folders::all().remove(path_);
}

} // namespace bqq::command
