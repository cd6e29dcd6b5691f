#include "io/temporary_paths.h"

#include <mutex>
#include <set>
#include <system_error>
#include <utility>

namespace bqq {

namespace {

namespace fs = std::filesystem;

struct Paths {
    std::mutex mutex;
    std::multiset<fs::path> paths;
};

Paths& all() {
    static auto* const paths = new Paths; // a thread that waits for signals may outlive main()
    return *paths;
}

} // namespace

TemporaryPath::TemporaryPath(fs::path path) : path_(std::move(path)) {
    const std::lock_guard lock(all().mutex);
    all().paths.insert(path_);
}

TemporaryPath::~TemporaryPath() {
    const std::lock_guard lock(all().mutex);
    all().paths.erase(all().paths.find(path_));
}

void remove_temporary_paths() {
    all().mutex.lock();
    for (const fs::path& path : all().paths) {
        std::error_code ignored;
        fs::remove_all(path, ignored);
    }
}

} // namespace bqq
