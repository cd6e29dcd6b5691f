#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

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

/// Bits of the number of a group.
inline unsigned group_width(size_t groups) {
    return static_cast<unsigned>(std::bit_width(groups - 1));
}

/// How the inverted lists of an IndexIVFBQQ follow.
enum class ListsTag : uint8_t {
    interleaved = 0,
    faiss = 1 ///< as FAISS writes them
};

} // namespace bqq
