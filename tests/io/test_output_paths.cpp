#include "io/atomic_file.h"
#include "sanitized.h"
#include "temporary_folder.h"

#include <bqq/error.h>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

namespace output_paths_test {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

class OutputPaths : public bqq::test::FolderTest {};

TEST_F(OutputPaths, AnInputIsKnownUnderEveryName) {
    const std::string input = write("a", "text");
    fs::create_symlink("a", path("link"));
    fs::create_hard_link(input, path("other"));
    for (const char* name : {"a", "link", "other"})
        EXPECT_TRUE(bqq::is_same_file(path(name), input)) << name;
    write("b", "text");
    EXPECT_FALSE(bqq::is_same_file(path("b"), input));
    EXPECT_FALSE(bqq::is_same_file(path("new"), input));
    EXPECT_FALSE(bqq::is_same_file(input, path("missing")));
    EXPECT_FALSE(bqq::is_same_file("/dev/null", "/dev/null")) << "no file is lost";
}

TEST_F(OutputPaths, NamesMayHave255Bytes) {
    const std::string name(255, 'x');
    bqq::check_writable(path(name));
    bqq::write_atomically(path(name), "text");
    EXPECT_THAT(names(), ElementsAre(name));
    EXPECT_THAT(
            [&] { bqq::check_writable(path(name + 'x')); },
            ThrowsMessage<bqq::FileError>(HasSubstr("File name too long")));
}

TEST_F(OutputPaths, StandardOutputIsKnown) {
    EXPECT_TRUE(bqq::is_standard_output("/dev/stdout"));
    EXPECT_TRUE(bqq::is_standard_output("/proc/self/fd/1"));
    EXPECT_FALSE(bqq::is_standard_output(write("a", "text")));
    EXPECT_FALSE(bqq::is_standard_output(path("missing")));
}

std::string read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// Runs f in a process of its own, which is killed after a time.
template <class F>
void run_killed_after(std::chrono::microseconds time, const F& f) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        f();
        std::_Exit(0);
    }
    std::this_thread::sleep_for(time);
    ::kill(child, SIGKILL);
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);
}

// Every file is one that was written, whole, and nothing else is left after the next one.
TEST_F(OutputPaths, AKilledWriterLeavesAWholeFileAndNoLitter) {
    constexpr size_t kSize = 300'000;
    constexpr int kKills = BQQ_SANITIZED ? 20 : 200; // a process of a sanitizer forks slowly
    bqq::write_atomically(path("a"), std::string(kSize, 'a'));
    size_t changed = 0;
    for (int i = 0; i < kKills; ++i) {
        const char before = read_file(path("a"))[0];
        const char next = before == 'z' ? 'a' : static_cast<char>(before + 1);
        const int later = i * (200 / kKills) % 100;
        run_killed_after(std::chrono::microseconds(4 * later * later), [&] {
            bqq::write_atomically(path("a"), std::string(kSize, next));
        });
        const std::string found = read_file(path("a"));
        ASSERT_EQ(found.size(), kSize);
        ASSERT_TRUE(found[0] == before || found[0] == next);
        ASSERT_EQ(found.find_first_not_of(found[0]), found.npos);
        changed += found[0] == next;
    }
    EXPECT_GT(changed, 0u);
    bqq::write_atomically(path("a"), "end");
    EXPECT_EQ(read_file(path("a")), "end");
    EXPECT_THAT(names(), ElementsAre("a"));
}

// As a file system without files that have no name leaves it.
TEST_F(OutputPaths, TheNextWriterRemovesLitterOfItsNameAlone) {
    for (const char* name : {".a.123.tmp", ".a.tmp", ".a.x.tmp", ".b.123.tmp", ".a.5.tmp"})
        write(name, "text");
    // One that another writer holds is none.
    const int held = ::open(path(".a.5.tmp").c_str(), O_RDONLY | O_CLOEXEC);
    ASSERT_EQ(::flock(held, LOCK_EX), 0);
    bqq::write_atomically(path("a"), "text");
    EXPECT_THAT(names(), ElementsAre(".a.5.tmp", ".a.tmp", ".a.x.tmp", ".b.123.tmp", "a"));
    ::close(held);
    bqq::write_atomically(path("a"), "text");
    EXPECT_THAT(names(), ElementsAre(".a.tmp", ".a.x.tmp", ".b.123.tmp", "a"));
}

TEST_F(OutputPaths, WritersOfOneNameDoNotDisturbEachOther) {
    std::vector<std::thread> writers;
    for (char c = 'a'; c < 'e'; ++c)
        writers.emplace_back([this, c] {
            for (int i = 0; i < 50; ++i)
                EXPECT_NO_THROW(bqq::write_atomically(path("a"), std::string(10'000, c)));
        });
    for (std::thread& writer : writers) writer.join();
    const std::string found = read_file(path("a"));
    EXPECT_EQ(found, std::string(10'000, found[0]));
    EXPECT_THAT(names(), ElementsAre("a"));
}

} // namespace output_paths_test
