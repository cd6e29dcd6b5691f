#pragma once

#include <cstddef>

namespace bqq {

/// Bytes that an index or quantizer holds in memory, by part.
struct MemoryBytes {
    size_t codes = 0;   ///< codes with their scales
    size_t ids = 0;     ///< ids of the vectors, or their order
    size_t bases = 0;   ///< bases, means and scales
    size_t coarse = 0;  ///< coarse quantizer of an inverted file, and what searches it
    size_t encoder = 0; ///< what only coding vectors needs; see Quantizer::release_encoder()

    size_t total() const { return codes + ids + bases + coarse + encoder; }
};

} // namespace bqq
