// What signals and failing disks leave behind.
#include "command_fixture.h"
#include "io/atomic_file.h"
#include "random_data.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <string>

namespace {

using testing::HasSubstr;

class Interruption : public bqq::test::CommandFixture {};

TEST_F(Interruption, ASignalRemovesTemporaryFolders) {
    for (const int signal : {SIGINT, SIGTERM, SIGKILL}) {
        const std::string line = "TMPDIR='" + folder_.string() + "' exec '" BQQ_HOLD_FOLDER "'";
        int output[2];
        ASSERT_EQ(::pipe(output), 0);
        const pid_t child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            ::dup2(output[1], STDOUT_FILENO);
            ::execl("/bin/sh", "sh", "-c", line.c_str(), nullptr);
            ::_exit(127);
        }
        char ready = 0;
        ASSERT_EQ(::read(output[0], &ready, 1), 1);
        EXPECT_EQ(names().size(), 2u);
        ::kill(child, signal);
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        EXPECT_TRUE(WIFSIGNALED(status));
        EXPECT_EQ(WTERMSIG(status), signal);
        EXPECT_EQ(names().size(), signal == SIGKILL ? 2u : 0u); // nobody can help against that
        ::close(output[0]);
        ::close(output[1]);
    }
}

/// fsync() of the number-th call fails: see failing_fsync.c.
std::string failing_fsync(int number) {
    return "BQQ_FAILING_FSYNC=" + std::to_string(number) + " LD_PRELOAD='" + BQQ_FAILING_FSYNC +
           "'";
}

TEST_F(Interruption, AFailingDiskIsToldAndTheOldFileStays) {
    if (bqq::test::kSanitized) GTEST_SKIP() << "the sanitizer wants to be loaded first";
    write("a.csv", "1,2\n3,4\n5,6\n7,9\n");
    expect_success("compress a.csv --out m");
    const std::string before = contents("m");
    ASSERT_NE(before, "");
    write("a.csv", "1,2\n3,4\n5,6\n7,8\n");
    expect_failure(
            "compress a.csv --out m", "cannot write m: Input/output error", failing_fsync(1));
    EXPECT_EQ(contents("m"), before);
    // Of the folder: the file is there, but may be gone after a crash of the machine.
    const auto outcome = run("compress a.csv --out m", failing_fsync(2));
    EXPECT_NE(outcome.exit_code, 0);
    EXPECT_THAT(outcome.err, HasSubstr("m is written, but its folder cannot be flushed"));
    EXPECT_NE(contents("m"), before);
    EXPECT_EQ(names().size(), 2u);
    EXPECT_EQ(run("compress a.csv --out m", failing_fsync(3)).exit_code, 0);
}

} // namespace
