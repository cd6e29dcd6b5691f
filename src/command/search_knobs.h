#pragma once

#include <faiss/Index.h>
#include <CLI/CLI.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace bqq::command {

/// Values of the parameters that trade speed for recall in a search.
struct SearchKnobs {
    struct Value {
        std::string name; ///< "nprobe"
        int64_t value;
    };
    std::vector<Value> values;

    /** Sets them in the index or what it wraps.
     * @throws std::runtime_error  when the index has no such parameter; `name` is the index's
     */
    void apply_to(faiss::Index& index, const std::string& name) const;
    std::string text() const; ///< "nprobe=4,k_factor=2"
};

/// The options --nprobe, --k-factor and --ef, each with one value or, in a sweep, several.
class SearchKnobOptions {
public:
    void add_to(CLI::App& app, bool sweep);
    /// @throws std::runtime_error  for a value below 1, named
    void check() const;
    /// One value each. @throws as check()
    SearchKnobs single() const;
    /// All combinations of the values that an index has parameters for: at least one, of none.
    std::vector<SearchKnobs> combinations(faiss::Index& index) const;

private:
    std::vector<int64_t> values_[3];
};

} // namespace bqq::command
