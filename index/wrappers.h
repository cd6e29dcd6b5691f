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

/// A class of FAISS's whose objects have other indexes inside. All that the library does with one
/// stands in its row of the table in wrappers.cpp.
struct Wrapper {
    IndexTag tag;
    bool (*is)(const faiss::Index& index);
    /// The indexes inside, that which vectors are handed to first.
    std::vector<faiss::Index*> (*parts)(const faiss::Index& index);
    /// Where that first one is kept; nullptr where there may be many.
    faiss::Index** (*inner)(faiss::Index& index);
    /// What is its own, without the parts.
    void (*write)(const faiss::Index& index, Writer& writer);
    /// The reverse. Asks for the parts in their order, and owns them.
    std::unique_ptr<faiss::Index> (*read)(
            Reader& reader, const std::function<std::unique_ptr<faiss::Index>()>& next_part);
    /// The factory string, given those of the parts; empty where there is none.
    std::string (*name)(const faiss::Index& index, std::span<const std::string> parts);
};

/// nullptr for an index that is no wrapper.
const Wrapper* find_wrapper(const faiss::Index& index);
/// nullptr for a tag that no wrapper has.
const Wrapper* find_wrapper(IndexTag tag);

/// Where a wrapper keeps the index that it hands vectors to, else nullptr.
faiss::Index** inner_index(faiss::Index* index);

/// An index that is IndexFlat, IndexFlatL2 or IndexFlatIP and no class derived from them, else
/// nullptr.
const faiss::IndexFlat* as_plain_flat(const faiss::Index* index);

/** An inverted file, also behind transforms; else nullptr. It keeps the ids of its vectors itself,
 * and as vectors take other places when some are removed, IndexIDMap over it loses track of them.
 */
faiss::IndexIVF* inverted_file(faiss::Index* index);

/// Whether an index or one inside it is ours.
bool contains_bqq(const faiss::Index* index);

} // namespace bqq
