// Has a temporary folder with a file in it until a signal comes; says so on standard output.
#include "command/temporary_folder.h"

#include <unistd.h>

#include <cstdio>
#include <fstream>

int main() {
    const bqq::command::TemporaryFolder one, other;
    std::ofstream(one.file("a")) << "text";
    std::puts("ready");
    std::fflush(stdout);
    for (;;) ::pause();
}
