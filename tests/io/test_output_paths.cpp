#include "io/atomic_file.h"
#include "temporary_folder.h"

#include <bqq/error.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

namespace {

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

} // namespace
