#pragma once

#include "index/stream.h"

#include <faiss/Index.h>
#include <faiss/IndexFlat.h>
#include <faiss/IndexIVF.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace bqq {

/// What kind of index follows in a file.
enum class IndexTag : uint8_t {
    faiss = 0, ///< as FAISS writes it
    flat_codes = 1,
    pre_transform = 2,
    id_map = 3,
    id_map2 = 4,
    refine = 5,
    refine_flat = 6,
    ivf = 7,
    hnsw = 8,
    shards = 9,
    replicas = 10,
    flat_bfloat16 = 11 ///< an IndexFlat whose numbers have no more than sixteen bits
};

/// A FAISS class whose indexes hold other indexes, its parts. Each has a row in the table in
/// wrappers.cpp, the only place that knows the class.
struct Wrapper {
    IndexTag tag;
    bool (*is)(const faiss::Index& index);
    /// The part that vectors are added to is the first.
    std::vector<faiss::Index*> (*parts)(const faiss::Index& index);
    /// Where the first part is kept; nullptr for a class with any number of parts.
    faiss::Index** (*inner)(faiss::Index& index);
    /// Writes all but the parts.
    void (*write)(const faiss::Index& index, Writer& writer);
    /// Reads what write() wrote. Calls next_part() once for each part, in order, and owns them.
    std::unique_ptr<faiss::Index> (*read)(
            Reader& reader, const std::function<std::unique_ptr<faiss::Index>()>& next_part);
    /// The factory string, made from those of the parts; empty if there is none.
    std::string (*name)(const faiss::Index& index, std::span<const std::string> parts);
};

/// nullptr for an index that is no wrapper.
const Wrapper* find_wrapper(const faiss::Index& index);
/// nullptr for a tag that no wrapper has.
const Wrapper* find_wrapper(IndexTag tag);

/// Where a wrapper keeps the index that it adds vectors to; nullptr for other indexes.
faiss::Index** inner_index(faiss::Index* index);

/// The index if its class is IndexFlat, IndexFlatL2 or IndexFlatIP, else nullptr.
const faiss::IndexFlat* as_plain_flat(const faiss::Index* index);

/** The inverted file that an index is, or has after its transforms; else nullptr. An inverted file
 * keeps ids itself. IndexIDMap over it gives wrong ids once vectors are removed: see give_ids().
 */
faiss::IndexIVF* inverted_file(faiss::Index* index);

/// Whether an index or one of its parts, at any depth, is ours.
bool contains_bqq(const faiss::Index* index);

} // namespace bqq
