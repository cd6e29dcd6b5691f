#pragma once

#include <cstddef>
#include <cstdint>

namespace bqq::kernels {

/// Bytes of the level numbers of d entries, one plane: see expand_levels().
inline size_t level_bytes(size_t d) {
    return (d + 31) / 32 * 16;
}

/** row[j] = sum over p < planes, in this order, of tables[16 * p + the level of entry j in plane
 * p].
 *
 * A level is a number of four bits. They are stored in pieces of 32 entries: byte j of a piece (16
 * bytes) holds that of entry j in its low half and that of entry j + 16 in its high half. The last
 * piece of a plane is filled up with zeros.
 *
 * All instruction sets give the same floats.
 *
 * @param levels  planes * level_bytes(d) bytes, plane after plane
 * @param planes  1 to 4
 * @param tables  size 16 * planes
 * @param row     output, size d rounded up to a multiple of 32; entries beyond d become 0
 */
void expand_levels(const uint8_t* levels, size_t planes, const float* tables, size_t d, float* row);

/** Products of x and rows of levels, the same floats as row_products() of the expanded rows. It is
 * the quicker way for a single x, as a row is then not written to memory.
 * @param x         size d rounded up to a multiple of 32, zeros beyond d
 * @param levels    of the rows, one after the other
 * @param tables    size rows * 16 * planes
 * @param products  output, size rows
 */
void level_products(
        const float* x, const uint8_t* levels, size_t planes, const float* tables, size_t rows,
        size_t d, float* products);

} // namespace bqq::kernels
