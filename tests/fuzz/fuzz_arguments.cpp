// Arguments of the command, one a line: they are parsed, and nothing is run.
#include "command/arguments.h"
#include "command/commands.h"

#include <cstdint>
#include <sstream>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace bqq::command;
    std::istringstream lines(std::string(reinterpret_cast<const char*>(data), size));
    std::vector<std::string> arguments;
    for (std::string line; std::getline(lines, line);) arguments.insert(arguments.begin(), line);
    CLI::App app("", "bqq");
    Run run;
    add_subcommands(app, run);
    try {
        app.parse(arguments);
    } catch (const CLI::Error&) {
    } catch (const UsageError&) {
    }
    return 0;
}
