#pragma once

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

} // namespace bqq
