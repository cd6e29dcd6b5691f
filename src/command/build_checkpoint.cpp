#include "command/build_checkpoint.h"

#include "io/atomic_file.h"

#include <bqq/index/index_io.h>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace bqq::command {

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr const char* kBuild = "build.json";
constexpr const char* kIndex = "index.bqq";

Json read_json(const std::string& path) {
    std::ifstream file(path);
    try {
        return Json::parse(file);
    } catch (const Json::exception&) {
        throw std::runtime_error(path + " is not what a build writes: remove the folder");
    }
}

void check_same_build(const Json& build, const Json& saved, const std::string& folder) {
    for (const auto& [key, value] : build.items()) {
        const Json before = saved.is_object() && saved.contains(key) ? saved[key] : Json();
        if (before == value) continue;
        std::ostringstream message;
        message << folder << " is the checkpoint of another build: " << key << " was " << before
                << ", is " << value << "; remove it to build anew";
        throw std::runtime_error(message.str());
    }
}

} // namespace

BuildCheckpoint::BuildCheckpoint(std::string folder, const Json& build, double seconds)
        : folder_(std::move(folder)), seconds_(seconds) {
    if (::mkdir(folder_.c_str(), 0777) != 0 && errno != EEXIST)
        throw WriteError("cannot make the folder " + folder_ + ": " + std::strerror(errno));
    lock_ = ::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (lock_ < 0) throw WriteError("cannot use " + folder_ + ": " + std::strerror(errno));
    try {
        if (::flock(lock_, LOCK_EX | LOCK_NB) != 0)
            throw std::runtime_error(folder_ + " is used by another build that is running");
        if (fs::exists(file(kBuild)))
            check_same_build(build, read_json(file(kBuild)), folder_);
        else
            write_atomically(file(kBuild), build.dump(2) + '\n');
    } catch (...) {
        ::close(lock_);
        throw;
    }
}

BuildCheckpoint::~BuildCheckpoint() {
    ::close(lock_);
}

std::unique_ptr<faiss::Index> BuildCheckpoint::read() const {
    return fs::exists(file(kIndex)) ? read_index(file(kIndex)) : nullptr;
}

void BuildCheckpoint::save(const faiss::Index& index) {
    const Stopwatch time;
    write_index(&index, file(kIndex));
    save_seconds_ = time.seconds();
    since_save_ = {};
}

void BuildCheckpoint::save_now_and_then(const faiss::Index& index) {
    constexpr double kTimesOfSave = 20;
    if (seconds_ == 0 || since_save_.seconds() >= std::max(seconds_, kTimesOfSave * save_seconds_))
        save(index);
}

void BuildCheckpoint::remove() {
    for (const char* name : {kIndex, kBuild}) fs::remove(file(name));
    std::error_code not_empty;
    fs::remove(folder_, not_empty);
}

} // namespace bqq::command
