#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace bqq::kernels {

/// Codes are interleaved in blocks of this many: byte j of all of them, then byte j + 1, ...
inline constexpr size_t kBlock = 64;

/** A query with integer weights q_k, one a bit: a code's score is the sum of q_k over its bits.
 *
 * That sum is sum_b 2^b popcount(q_b AND code) over the bit planes q_b of q. Where a popcount is a
 * look-up by nibble, and that is what SIMD without a popcount instruction does, the AND and the weights 2^b
 * can stand in the table: one look-up counts four bits of all planes. Entries are made non-negative by
 * a bias for each nibble, so a score is `bias` below that sum.
 *
 * A code byte has two tables of 16 entries, for its low and its high nibble. In the first `wide_bytes`
 * bytes, whose weights are the largest, an entry is low + 128 * high and each digit has its table:
 * {low of the low nibble, low of the high nibble, high of the low nibble, high of the high nibble}.
 * From there on an entry is one byte: {low nibble, high nibble}, and the bytes are grouped so that
 * the sums of a group stay below 256.
 */
struct ScanTables {
    size_t code_bytes;
    size_t wide_bytes;
    const uint8_t* tables;            ///< 64 bytes for each wide byte, then 32 for each narrow one
    std::span<const uint16_t> groups; ///< one past the last code byte of each group of narrow bytes
};

/// No score may exceed this: the high digits of a score are added up in 8 bits.
inline constexpr uint32_t kMaxScore = 255 * 128;

/** scores[i] of the kBlock codes of a block.
 * @param block  code_bytes * kBlock bytes
 */
void block_scores(const ScanTables& tables, const uint8_t* block, uint16_t* scores);

/** How a score becomes a lower bound of a vector's key, smaller being closer:
 *
 *     L2:             r * (r - gain * (slope * score + offset)),  r = norm_step * norm
 *     inner product:  -gain * (slope * score + offset)
 *
 * with gain = gain_min + gain_step * byte, from the byte planes that follow the code in a block.
 */
struct ScanFilter {
    bool has_norm; ///< L2
    float gain_min, gain_step, norm_step;
    float slope, offset;
};

/** The first block in [begin, end) with codes whose bound is below the threshold; `end` if none.
 * @param blocks   blocks of block_bytes bytes
 * @param survivors  bit i: code i of that block
 */
size_t next_survivors(
        const ScanTables& tables, const ScanFilter& filter, const uint8_t* blocks,
        size_t block_bytes, size_t begin, size_t end, float threshold, uint64_t* survivors);

} // namespace bqq::kernels
