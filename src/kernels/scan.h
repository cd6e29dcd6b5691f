#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace bqq::kernels {

/// Codes are interleaved in blocks of this many.
inline constexpr size_t kBlock = 64;
/// The kernels read up to this many bytes behind the codes.
inline constexpr size_t kSlack = 64;

/** Interleaved codes: size * code_size bytes, block after block. A block holds byte 0 of its codes,
 * then byte 1 of them, and so on. The last block is narrower where the size is no multiple of
 * kBlock.
 */
struct InterleavedCodes {
    const uint8_t* data = nullptr; ///< followed by kSlack bytes that may be read
    size_t size = 0;               ///< number of codes
    size_t code_size = 0;          ///< bytes a code

    size_t blocks() const { return (size + kBlock - 1) / kBlock; }
    const uint8_t* block(size_t b) const { return data + b * kBlock * code_size; }
    /// codes in block b, and bytes from one byte of a code to the next
    size_t width(size_t b) const { return size - b * kBlock < kBlock ? size - b * kBlock : kBlock; }
};

/** A query with integer weights q_k, one a bit: a code's score is the sum of q_k over its bits.
 *
 * That sum is sum_b 2^b popcount(q_b AND code) over the bit planes q_b of q. Where a popcount is a
 * look-up by nibble, and that is what SIMD without a popcount instruction does, the AND and the
 * weights 2^b can stand in the table: one look-up counts four bits of all planes. Entries are made
 * non-negative by a bias for each nibble, so a score is `bias` below that sum.
 *
 * A code byte has two tables of 16 entries, for its low and its high nibble. In the first
 * `wide_bytes` bytes, whose weights are the largest, an entry is low + 128 * high and each digit
 * has its table: {low of the low nibble, low of the high nibble, high of the low nibble, high of
 * the high nibble}. From there on an entry is one byte: {low nibble, high nibble}. Bytes have
 * smaller and smaller weights, so that sums of two and then of four stay below 256.
 */
struct ScanTables {
    size_t wide_bytes;
    size_t single_bytes;   ///< then so many bytes whose sums are below 256,
    size_t pairs;          ///< pairs of bytes,
    size_t quads;          ///< and fours
    const uint8_t* tables; ///< 64 bytes for each wide byte, then 32 for each other one

    size_t code_bytes() const { return wide_bytes + single_bytes + 2 * pairs + 4 * quads; }
};

/// No score may exceed this: the high digits of a score are added up in 8 bits.
inline constexpr uint32_t kMaxScore = 255 * 128;

/** scores[i] of the codes of a block.
 * @param block   tables.code_bytes() lines of `width` bytes, then kSlack bytes that may be read
 * @param scores  output, size kBlock; what lies behind `width` is undefined
 */
void block_scores(const ScanTables& tables, const uint8_t* block, size_t width, uint16_t* scores);

/** How a score becomes a lower bound of a vector's key, smaller being closer:
 *
 *     key = nu - alpha * (slope * score + offset)
 *
 * with alpha and (L2) nu from the bytes that follow the code: see ScaleCodec. The bound of a far
 * vector is -infinity.
 */
struct ScanFilter {
    bool has_norm;     ///< L2; without it nu = 0
    uint8_t last_near; ///< the last byte of alpha that is not of a far vector
    int32_t alpha_first, alpha_step;
    float norm_first, norm_step;
    float slope, offset;
};

/** The first block in [begin, end) with codes whose bound is at most the threshold; `end` if none.
 * @param survivors  bit i: code i of that block
 * @param bounds     output, size kBlock: the bounds of that block
 */
size_t next_survivors(
        const ScanTables& tables, const ScanFilter& filter, const InterleavedCodes& codes,
        size_t begin, size_t end, float threshold, uint64_t* survivors, float* bounds);

/** All blocks in [begin, end) with codes whose bound is at most the threshold. A narrower last
 * block may be among them without.
 * @param tables  may be of the first bytes of the codes alone
 * @param blocks  output, ascending, room for end - begin
 * @return how many
 */
size_t blocks_within(
        const ScanTables& tables, const ScanFilter& filter, const InterleavedCodes& codes,
        size_t begin, size_t end, float threshold, size_t* blocks);

/** Sum of the weights whose bit is 1.
 * @param weights  size 8 * code_bytes, then zeros up to a multiple of kPad; starts on a cache line
 * @param code     code_bytes bytes, `stride` apart; one more may be read
 */
float masked_sum(const float* weights, size_t code_bytes, const uint8_t* code, size_t stride);

} // namespace bqq::kernels
