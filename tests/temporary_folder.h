#pragma once

#include <gtest/gtest.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <system_error>

namespace bqq::test {

/// An empty folder of a test's own, removed with all that is in it.
class TemporaryFolder {
public:
    TemporaryFolder() {
        std::string path = std::filesystem::temp_directory_path() / "bqq-test-XXXXXX";
        if (::mkdtemp(path.data()) == nullptr)
            throw std::system_error(errno, std::generic_category(), path);
        path_ = path;
    }
    ~TemporaryFolder() {
        std::error_code ignored; // what a test could not remove is no reason to end the process
        std::filesystem::remove_all(path_, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

/// Tests that write files.
class FolderTest : public testing::Test {
private:
    TemporaryFolder temporary_;

protected:
    const std::filesystem::path& folder_ = temporary_.path();

    std::string path(const std::string& name) const { return folder_ / name; }
    /// Writes a file and returns its path.
    std::string write(const std::string& name, const std::string& bytes) const {
        std::ofstream(folder_ / name, std::ios::binary) << bytes;
        return path(name);
    }
    std::set<std::string> names() const {
        std::set<std::string> found;
        for (const auto& entry : std::filesystem::directory_iterator(folder_))
            found.insert(entry.path().filename());
        return found;
    }
};

} // namespace bqq::test
