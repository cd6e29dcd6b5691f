#pragma once

#include <filesystem>
#include <string>

namespace bqq::command {

/// A new folder where temporary files belong ($TMPDIR), removed with all that is in it: also where
/// SIGINT or SIGTERM end the process.
class TemporaryFolder {
public:
    TemporaryFolder();
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    ~TemporaryFolder();

    std::string file(const std::string& name) const { return path_ / name; }

private:
    std::filesystem::path path_;
};

} // namespace bqq::command
