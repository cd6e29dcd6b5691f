#pragma once

#include <cstddef>
#include <cstdint>

namespace bqq::kernels {

/** A matrix of l rows of n bits; row k begins at word k * words, bit j is at place j % 64 of word j
 * / 64. The words hold no ones beyond n.
 */
struct BitRows {
    const uint64_t* bits;
    size_t l;
    size_t n;
    size_t words; ///< (n + 63) / 64
};

/** sums[k] = sum of the x[j] whose bit is set in row k.
 * @param x  size 64 * words
 */
void masked_sums(const BitRows& rows, const float* x, float* sums);

/** to[j] += sum of the weights[k] whose bit is set in column j.
 * @param to  size 64 * words
 */
void add_masked(const BitRows& rows, const float* weights, float* to);

} // namespace bqq::kernels
