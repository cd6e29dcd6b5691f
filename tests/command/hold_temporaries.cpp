// Has two temporary folders and a file "a" that is being written until a signal comes; says so on
// standard output.
#include "command/signals.h"
#include "command/temporary_folder.h"
#include "io/atomic_file.h"

#include <unistd.h>

#include <cstdio>
#include <fstream>

int main() {
    bqq::command::remove_temporary_paths_on_signals();
    const bqq::command::TemporaryFolder one, other;
    std::ofstream(one.file("text")) << "text";
    bqq::write_atomically("a", [](std::FILE* file) {
        std::fputs("text", file);
        std::fflush(file);
        std::puts("ready");
        std::fflush(stdout);
        for (;;) ::pause();
    });
}
