#include "command/arguments.h"
#include "command/commands.h"
#include "command/signals.h"
#include "index/error_message.h"
#include "io/atomic_file.h"

#include <bqq/version.h>
#include <faiss/Index.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>

namespace {

using namespace bqq::command;

std::string version() {
    return std::string("bqq ") + BQQ_VERSION + ", FAISS " + std::to_string(FAISS_VERSION_MAJOR) +
           "." + std::to_string(FAISS_VERSION_MINOR) + "." + std::to_string(FAISS_VERSION_PATCH);
}

int parse_and_run(int argc, char** argv) {
    CLI::App app("Nearest-neighbour search over binary quadratic quantization codes", "bqq");
    app.set_version_flag("--version", version());
    app.set_help_all_flag("--help-all", "Print this help message with those of all subcommands");
    app.require_subcommand(0, 1);
    app.footer(
            "Exit codes: 0 done, 1 the data or an index is wrong, 2 the arguments are, 3 memory or "
            "disk.");
    Run run;
    add_subcommands(app, run);
    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& success) { // --help and --version
        return app.exit(success);
    }
    if (!run) {
        std::string names;
        for (const CLI::App* sub : app.get_subcommands({})) names += " " + sub->get_name();
        throw UsageError("a subcommand is required, one of:" + names);
    }
    return run();
}

template <class E>
bool is(const std::exception& error) {
    return dynamic_cast<const E*>(&error) != nullptr;
}

class MemoryLimitError : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// As the help says.
int exit_code_of(const std::exception& error) {
    if (is<CLI::Error>(error) || is<UsageError>(error)) return 2;
    if (is<std::bad_alloc>(error) || is<MemoryLimitError>(error) || is<bqq::WriteError>(error))
        return 3;
    try {
        std::rethrow_if_nested(error);
    } catch (const std::exception& cause) {
        return exit_code_of(cause);
    }
    return 1;
}

/// What `ulimit -v` allows, in bytes; nothing if it does not limit.
std::optional<rlim_t> memory_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return {};
    return limit.rlim_cur;
}

int run_guarded(int argc, char** argv) {
    try {
        // With less, OpenBLAS and OpenMP cannot make their threads.
        constexpr rlim_t kLeast = rlim_t{256} << 20;
        if (const auto limit = memory_limit(); limit && *limit < kLeast)
            throw MemoryLimitError(
                    "memory is limited to " + std::to_string(*limit >> 20) +
                    " MiB (ulimit -v), at least " + std::to_string(kLeast >> 20) + " are needed");
        const int exit_code = parse_and_run(argc, argv);
        if (!std::cout.flush()) throw bqq::WriteError("cannot write to standard output");
        return exit_code;
    } catch (const std::exception& error) {
        std::cerr << "bqq: " << bqq::error_message(error) << '\n';
        return exit_code_of(error);
    }
}

} // namespace

int main(int argc, char** argv) {
    // A file above the size limit is then an error of write() and not the end of the process.
    std::signal(SIGXFSZ, SIG_IGN);
    remove_temporary_paths_on_signals();
    const int exit_code = run_guarded(argc, argv);
    // A worker of OpenBLAS that gets no memory tries again for ever, and exit() would wait for it.
    if (memory_limit()) std::_Exit(exit_code);
    return exit_code;
}
