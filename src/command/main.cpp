#include "command/commands.h"
#include "command/error_message.h"

#include <bqq/version.h>
#include <faiss/Index.h>

#include <csignal>
#include <cstdlib>
#include <iostream>
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
    Run run;
    add_build(app, run);
    add_add(app, run);
    add_remove(app, run);
    add_merge(app, run);
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
        throw std::runtime_error(
                "a subcommand is required: build, add, remove, merge, search, eval, info, compress "
                "or decompress");
    }
    return run();
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
        return EXIT_FAILURE;
    }
}
