#pragma once

#include <CLI/CLI.hpp>

#include <functional>

namespace bqq::command {

/// What the command line asked for; returns the exit code.
using Run = std::function<int()>;

/// Each adds its subcommand to `app`; when the command line names it, parsing sets `run`.
void add_build(CLI::App& app, Run& run);
void add_add(CLI::App& app, Run& run);
void add_remove(CLI::App& app, Run& run);
void add_merge(CLI::App& app, Run& run);
void add_search(CLI::App& app, Run& run);
void add_eval(CLI::App& app, Run& run);
void add_tune(CLI::App& app, Run& run);
void add_diagnose(CLI::App& app, Run& run);
void add_info(CLI::App& app, Run& run);
void add_compress(CLI::App& app, Run& run);
void add_decompress(CLI::App& app, Run& run);

/// All of them, in the order of the help.
inline void add_subcommands(CLI::App& app, Run& run) {
    for (const auto add :
         {add_build, add_add, add_remove, add_merge, add_search, add_eval, add_tune, add_diagnose,
          add_info, add_compress, add_decompress})
        add(app, run);
}

} // namespace bqq::command
