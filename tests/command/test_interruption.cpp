// What signals and failing disks leave behind.
#include "command_fixture.h"
#include "io/atomic_file.h"
#include "random_data.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <set>
#include <stdexcept>
#include <string>

namespace interruption_test {

using testing::HasSubstr;
using testing::IsEmpty;

class Interruption : public bqq::test::CommandFixture {};

/// What is left in the folder by a program that has temporary folders and a file, and is ended.
std::set<std::string> left_by(int signal, const std::string& folder, const std::string& preload) {
    const std::string line = "cd '" + folder + "' && " + preload + " TMPDIR='" + folder +
                             "' exec '" BQQ_HOLD_TEMPORARIES "'";
    int output[2];
    if (::pipe(output) != 0) throw std::runtime_error("pipe");
    const pid_t child = ::fork();
    if (child == 0) {
        ::dup2(output[1], STDOUT_FILENO);
        std::signal(signal, SIG_DFL); // a shell ignores SIGINT in what it starts in the background
        ::execl("/bin/sh", "sh", "-c", line.c_str(), nullptr);
        ::_exit(127);
    }
    ::close(output[1]);
    char ready = 0;
    EXPECT_EQ(::read(output[0], &ready, 1), 1);
    ::close(output[0]);
    ::kill(child, signal);
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status));
    EXPECT_EQ(WTERMSIG(status), signal);
    std::set<std::string> left;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
        left.insert(entry.path().filename());
    return left;
}

TEST_F(Interruption, ASignalRemovesWhatIsTemporary) {
    for (const int signal : {SIGINT, SIGTERM}) EXPECT_THAT(left_by(signal, folder_, ""), IsEmpty());
    EXPECT_EQ(left_by(SIGKILL, folder_, "").size(), 2u); // nobody can help against that
}

TEST_F(Interruption, ASignalRemovesAFileThatHasANameWhileItIsWritten) {
    if (bqq::test::kSanitized) GTEST_SKIP() << "the sanitizer wants to be loaded first";
    const std::string preload = "BQQ_NO_TMPFILE=1 LD_PRELOAD='" BQQ_FAULTY_DISK "'";
    for (const int signal : {SIGINT, SIGTERM})
        EXPECT_THAT(left_by(signal, folder_, preload), IsEmpty());
    EXPECT_EQ(left_by(SIGKILL, folder_, preload).size(), 3u);
    // The next writer removes that; the folders are nobody's.
    write("a.csv", "1,2\n3,4\n5,6\n7,9\n");
    EXPECT_EQ(run("compress a.csv --out a", preload).exit_code, 0);
    const auto left = names();
    EXPECT_EQ(left.size(), 4u);
    EXPECT_TRUE(left.contains("a"));
}

/// fsync() of the number-th call fails: see faulty_disk.cpp.
std::string failing_fsync(int number) {
    return "BQQ_FAILING_FSYNC=" + std::to_string(number) + " LD_PRELOAD='" + BQQ_FAULTY_DISK + "'";
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

} // namespace interruption_test
