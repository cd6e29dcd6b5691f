#pragma once

#include <bqq/grouped_quantizer.h>

#include "store/grouped_codes.h"
#include "search/scan_parameters.h"

#include <cstddef>
#include <cstdint>
#include <functional>

namespace bqq {

/// Whether code i may be returned.
using Allowed = std::function<bool(int64_t i)>;

/** The k nearest codes of each of n queries, scored by their stored scales.
 * @param x          queries, size n * d
 * @param allowed    which codes count; empty for all
 * @param distances  output, size n * k: squared L2 or inner products, best first; equal ones in the order of their
 *                   codes, those of a group first
 * @param labels     output, size n * k: which code; where fewer than k were found -1, with the metric's
 *                   worst distance
 */
void search_codes(
        const GroupedQuantizer& quantizer, const GroupedCodes& codes, size_t n, const float* x,
        size_t k, const ScanParameters& parameters, const Allowed& allowed, float* distances,
        int64_t* labels);

/// Told of a code within the radius.
using Found = std::function<void(int64_t i, float distance)>;

/// All codes within the radius of one query: squared L2 below it, or inner product above it.
void range_search_codes(
        const GroupedQuantizer& quantizer, const GroupedCodes& codes, const float* x, float radius,
        const ScanParameters& parameters, const Allowed& allowed, const Found& found);

} // namespace bqq
