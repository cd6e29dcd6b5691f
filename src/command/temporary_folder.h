#pragma once

#include "io/temporary_paths.h"

#include <optional>
#include <string>

namespace bqq::command {

/// A new folder where temporary files belong ($TMPDIR), removed with all that is in it.
class TemporaryFolder {
public:
    TemporaryFolder();
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    ~TemporaryFolder();

    std::string file(const std::string& name) const { return path_->path() / name; }

private:
    std::optional<TemporaryPath> path_;
};

} // namespace bqq::command
