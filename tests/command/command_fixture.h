#pragma once

#include "sanitized.h"
#include "temporary_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace bqq::test {

inline constexpr bool kSanitized = BQQ_SANITIZED != 0;

struct Outcome {
    int exit_code;
    std::string out;
    std::string err;
};

/// Runs the command in a folder of its own.
class CommandFixture : public FolderTest {
protected:
    std::string contents(const std::string& name) const {
        std::ifstream file(folder_ / name, std::ios::binary);
        std::ostringstream text;
        text << file.rdbuf();
        return text.str();
    }

    /// @param x  rows of d numbers
    void write_fvecs(const std::string& name, const std::vector<float>& x, size_t d) const {
        std::ofstream file(folder_ / name, std::ios::binary);
        const auto size = static_cast<int>(d);
        for (size_t i = 0; i < x.size(); i += d) {
            file.write(reinterpret_cast<const char*>(&size), sizeof size);
            file.write(
                    reinterpret_cast<const char*>(x.data() + i),
                    static_cast<std::streamsize>(d * sizeof(float)));
        }
    }

    /// @param before  what the shell does first
    /// @param input   where standard input comes from, empty where `before` ends in a pipe
    Outcome run(
            const std::string& arguments, const std::string& before = "",
            const std::string& input = "</dev/null") const {
        const std::string line = "cd '" + folder_.string() + "' && " + before + " '" + BQQ_COMMAND +
                                 "' " + arguments + " >'" + folder_.string() + ".out' 2>'" +
                                 folder_.string() + ".err' " + input;
        const int status = std::system(line.c_str());
        Outcome outcome{
                WIFEXITED(status) ? WEXITSTATUS(status) : -1, contents("../" + name(".out")),
                contents("../" + name(".err"))};
        std::filesystem::remove(folder_.string() + ".out");
        std::filesystem::remove(folder_.string() + ".err");
        return outcome;
    }

    void expect_success(const std::string& arguments) const {
        const Outcome outcome = run(arguments);
        EXPECT_EQ(outcome.exit_code, 0) << arguments << '\n' << outcome.err;
    }

    /// Exit code 1, 2 or 3, one line on stderr that holds `reason`, and no file made or changed.
    void expect_failure(
            const std::string& arguments, const std::string& reason,
            const std::string& before = "") const {
        const auto names_before = names();
        const Outcome outcome = run(arguments, before);
        EXPECT_THAT(outcome.exit_code, testing::AnyOf(1, 2, 3)) << arguments;
        EXPECT_THAT(outcome.err, testing::StartsWith("bqq: ")) << arguments;
        EXPECT_THAT(outcome.err, testing::HasSubstr(reason)) << arguments;
        EXPECT_EQ(outcome.err.find('\n'), outcome.err.size() - 1) << outcome.err;
        EXPECT_EQ(outcome.out, "") << arguments;
        EXPECT_EQ(names(), names_before) << arguments;
    }

    std::string name(const std::string& suffix) const {
        return folder_.filename().string() + suffix;
    }
};

} // namespace bqq::test
