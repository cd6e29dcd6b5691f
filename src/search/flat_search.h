#pragma once

#include <bqq/binary_quadratic_quantizer.h>

#include "kernels/scan.h"
#include "search/scan_parameters.h"

#include <cstddef>
#include <cstdint>
#include <functional>

namespace bqq {

/// Whether the code at this position may be returned.
using Allowed = std::function<bool(int64_t position)>;

/** The k nearest codes of each of n queries, scored by their stored scales.
 * @param x          queries, size n * d
 * @param allowed    which codes count; empty for all
 * @param distances  output, size n * k: squared L2 or inner products, best first; equal ones by position
 * @param labels     output, size n * k: positions; where fewer than k were found -1, with the metric's
 *                   worst distance
 */
void search_codes(
        const BinaryQuadraticQuantizer& quantizer, const kernels::InterleavedCodes& codes, size_t n,
        const float* x, size_t k, const ScanParameters& parameters, const Allowed& allowed,
        float* distances, int64_t* labels);

/// Told of a code within the radius, in order of position.
using Found = std::function<void(int64_t position, float distance)>;

/// All codes within the radius of one query: squared L2 below it, or inner product above it.
void range_search_codes(
        const BinaryQuadraticQuantizer& quantizer, const kernels::InterleavedCodes& codes,
        const float* x, float radius, const ScanParameters& parameters, const Allowed& allowed,
        const Found& found);

} // namespace bqq
