#pragma once

#include <filesystem>

namespace bqq {

/** A file or folder that the process should leave to nobody: a program that ends by a signal calls
 * remove_temporary_paths(). It is the owner's to remove it otherwise.
 */
class TemporaryPath {
public:
    explicit TemporaryPath(std::filesystem::path path);
    TemporaryPath(const TemporaryPath&) = delete;
    TemporaryPath& operator=(const TemporaryPath&) = delete;
    ~TemporaryPath();

    const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

/// Removes all that there are, folders with what is in them. From then on none can be made or
/// forgotten: for a process that is about to end.
void remove_temporary_paths();

} // namespace bqq
