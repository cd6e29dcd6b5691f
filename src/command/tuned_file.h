#pragma once

#include <bqq/index/tune.h>
#include <faiss/Index.h>

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace bqq::command {

/// What `bqq tune` found, as it is kept in a file for `build` and `search`.
struct TunedFile {
    std::string factory;
    std::string metric;
    std::vector<std::pair<std::string, double>> search;

    /// @throws std::runtime_error  for a file that cannot be read or is none of `bqq tune`'s
    static TunedFile read(const std::string& path);

    /// Sets the search parameters. @throws faiss::FaissException  for one that the index lacks
    void apply_to(faiss::Index& index) const;
};

/// The text of such a file, with the wish, all that was tried, and what was measured at the end.
std::string tuned_text(
        const Tuned& tuned, const Wish& wish, const std::string& metric, size_t k, size_t n,
        size_t d);

} // namespace bqq::command
