#pragma once

#include <bqq/binary_quadratic_quantizer.h>

#include "kernels/scan.h"
#include "search/quantized_query.h"
#include "search/scan_parameters.h"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace bqq {

/** A query on its way through codes. A code's key is the part of its score that depends on the code, smaller
 * for closer codes, in units of the basis:
 *
 *     L2:             nu - 2 alpha (w . s)
 *     inner product:  -alpha (w . s)
 */
class QueryScan {
public:
    /// @param w  B (q - mean) for L2, B q for the inner product, in units of the basis; size M
    QueryScan(
            const BinaryQuadraticQuantizer& quantizer, const float* w,
            const ScanParameters& parameters);

    /** Calls candidate(i, key) for each code i of the blocks whose key may be threshold() or less.
     * @param allowed(i)  whether code i counts; asked only of codes that stage 1 lets pass
     */
    template <class Allowed, class Threshold, class Candidate>
    void run(
            const kernels::InterleavedCodes& codes, size_t begin, size_t end,
            const Allowed& allowed, const Threshold& threshold, const Candidate& candidate) const {
        const kernels::ScanTables tables = query_.tables();
        uint64_t survivors = 0;
        float bounds[kernels::kBlock];
        for (size_t b = begin; b < end; ++b) {
            b = kernels::next_survivors(
                    tables, filter_, codes, b, end, threshold(), &survivors, bounds);
            if (b == end) return;
            const uint8_t* block = codes.block(b);
            const size_t width = codes.width(b);
            for (; survivors != 0; survivors &= survivors - 1) {
                const auto i = static_cast<size_t>(std::countr_zero(survivors));
                const size_t position = b * kernels::kBlock + i;
                // The threshold falls from one candidate to the next, fast in the first block.
                if (bounds[i] > threshold() || !allowed(position)) continue;
                candidate(position, key(block + i, width));
            }
        }
    }

    /// The key of a code whose bytes are `stride` apart, in float.
    float key(const uint8_t* code, size_t stride) const {
        const uint8_t* stored = code + code_bytes_ * stride;
        const float dot = query_.dot(code, stride);
        if (!l2_) return -scales_.decode_alpha(stored[0]) * dot;
        const uint8_t bytes[3] = {stored[0], stored[stride], stored[2 * stride]};
        const StoredScales s = scales_.decode(bytes);
        return s.nu - 2 * s.alpha * dot;
    }

private:
    ScaleCodec scales_;
    bool l2_;
    size_t code_bytes_; ///< of the signs
    QuantizedQuery query_;
    kernels::ScanFilter filter_{};
};

/** Scans of n queries.
 * @param x   size n * d
 * @param q2  output, size n: |q - mean|^2 for L2, <q, mean> for the inner product, in units of the basis;
 *            or nullptr
 */
std::vector<QueryScan> prepare_scans(
        const BinaryQuadraticQuantizer& quantizer, size_t n, const float* x,
        const ScanParameters& parameters, double* q2 = nullptr);

/** Scans of some of the queries x.
 * @param chosen  which rows of x, ascending
 * @param q2      output, size chosen.size(), or nullptr
 */
std::vector<QueryScan> prepare_scans(
        const BinaryQuadraticQuantizer& quantizer, std::span<const size_t> chosen, const float* x,
        const ScanParameters& parameters, double* q2 = nullptr);

} // namespace bqq
