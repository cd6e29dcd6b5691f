#pragma once

#include <cstddef>
#include <cstdint>

namespace bqq::kernels {

/** Squared distances of x to chosen rows, from their differences, so that nothing is lost in large
 * norms.
 *
 * A distance is summed as a product of row_products() is: it depends neither on n nor on the width
 * of the vectors, only on whether the instruction set has a fused multiply-add.
 * @param x          size d
 * @param rows       rows of length d
 * @param chosen     size n: which rows
 * @param distances  output, size n
 */
void squared_distances(
        const float* x, const float* rows, size_t d, const uint32_t* chosen, size_t n,
        float* distances);

/// Inner products with chosen rows, likewise.
void inner_products(
        const float* x, const float* rows, size_t d, const uint32_t* chosen, size_t n,
        float* products);

} // namespace bqq::kernels
