#include "command/arguments.h"
#include "command/commands.h"
#include "command/error_message.h"
#include "io/atomic_file.h"

#include <bqq/version.h>
#include <faiss/Index.h>

#include <csignal>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <new>
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
    app.require_subcommand(0, 1);
    app.footer(
            "Exit codes: 0 done, 1 the data or an index is wrong, 2 the arguments are, 3 memory or "
            "disk.");
    Run run;
    add_build(app, run);
    add_search(app, run);
    add_eval(app, run);
    add_info(app, run);
    add_compress(app, run);
    add_decompress(app, run);
    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& success) { // --help and --version
        return app.exit(success);
    }
    if (!run) {
        throw UsageError(
                "a subcommand is required: build, search, eval, info, compress or decompress");
    }
    return run();
}

template <class E>
bool is(const std::exception& error) {
    return dynamic_cast<const E*>(&error) != nullptr;
}

/// As the help says.
int exit_code_of(const std::exception& error) {
    if (is<CLI::Error>(error) || is<UsageError>(error)) return 2;
    if (is<std::bad_alloc>(error) || is<bqq::WriteError>(error)) return 3;
    try {
        std::rethrow_if_nested(error);
    } catch (const std::exception& cause) {
        return exit_code_of(cause);
    }
    return 1;
}

} // namespace

int main(int argc, char** argv) {
    // A file above the size limit is then an error of write() and not the end of the process.
    std::signal(SIGXFSZ, SIG_IGN);
    try {
        const int exit_code = parse_and_run(argc, argv);
        if (!std::cout.flush()) throw std::runtime_error("cannot write to standard output");
        return exit_code;
    } catch (const std::exception& error) {
        std::cerr << "bqq: " << error_message(error) << '\n';
        return exit_code_of(error);
    }
}
