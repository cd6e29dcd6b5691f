#pragma once

#include "base/stopwatch.h"

#include <faiss/Index.h>
#include <nlohmann/json.hpp>

#include <memory>
#include <string>

namespace bqq::command {

/** A folder that keeps a build that lasts long: the index as far as it is, so that a build that was
 * killed goes on from there. A lock keeps others out of it.
 */
class BuildCheckpoint {
public:
    /** Makes the folder, or opens that of a build that did not end.
     * @param build    what the index file depends on
     * @param seconds  between two saves while vectors are added, 0 to save whenever some were
     * @throws std::runtime_error  when the folder is of another build, or used by one
     * @throws WriteError          when it cannot be written
     */
    BuildCheckpoint(std::string folder, const nlohmann::ordered_json& build, double seconds);
    BuildCheckpoint(const BuildCheckpoint&) = delete;
    BuildCheckpoint& operator=(const BuildCheckpoint&) = delete;
    ~BuildCheckpoint();

    /// The index that was saved last: trained, with the first vectors. nullptr when there is none.
    std::unique_ptr<faiss::Index> read() const;

    void save(const faiss::Index& index);
    /// Saves when it is time; unless always, a save takes at most a twentieth of the time.
    void save_now_and_then(const faiss::Index& index);

    /// Removes what is in the folder, and the folder when nothing else is in it.
    void remove();

private:
    std::string folder_;
    int lock_ = -1; ///< descriptor of the folder
    double seconds_;
    double save_seconds_ = 0; ///< that the last save took
    Stopwatch since_save_;

    std::string file(const char* name) const { return folder_ + "/" + name; }
};

} // namespace bqq::command
