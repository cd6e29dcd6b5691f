#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace bqq::bench {

/// The bit planes of a query's non-negative integer weights: byte j of plane b at [b * code_bytes +
/// j].
struct QueryPlanes {
    size_t code_bytes = 0;
    std::vector<uint8_t> planes;
    std::vector<uint16_t> bytes_of_plane; ///< plane b is zero from this code byte on
};

/** The scan's peer: scores[i] = sum_b 2^b popcount(plane_b AND code_i), plane by plane, for a block
 * of 64 codes.
 *
 * Each plane is read only up to the last 64-bit word that needs it. Uses the popcount instruction
 * where there is one (AVX3_DL), else Highway's, a look-up by nibble.
 */
void plane_scores(const QueryPlanes& query, const uint8_t* block, uint16_t* scores);

} // namespace bqq::bench
