#include "command/text_output.h"

#include "io/atomic_file.h"

#include <iostream>

namespace bqq::command {

void write_text(const std::string& path, const std::string& text) {
    std::cout.flush();
    if (path == "-") {
        std::cout << text << std::flush;
    } else {
        write_atomically(path, text);
    }
}

void check_text_path(const std::string& path) {
    if (!path.empty() && path != "-") check_writable(path);
}

std::ostream& summary_stream(const std::string& path) {
    return is_standard_output(path) ? std::cerr : std::cout;
}

} // namespace bqq::command
