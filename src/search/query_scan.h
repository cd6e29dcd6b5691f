#pragma once

#include <bqq/binary_quadratic_quantizer.h>

#include "kernels/scan.h"
#include "search/quantized_query.h"
#include "search/scan_parameters.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
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
        float limit = threshold();
        for (size_t b = begin; b < end; ++b) {
            b = kernels::next_survivors(tables, filter_, codes, b, end, limit, &survivors, bounds);
            if (b == end) return;
            const uint8_t* block = codes.block(b);
            const size_t width = codes.width(b);
            const auto score = [&](size_t i) {
                const size_t position = b * kernels::kBlock + i;
                if (bounds[i] > limit || !allowed(position)) return;
                candidate(position, key(block + i, width));
                limit = threshold();
            };
            // Where nearly all survive, as in the first block, the nearest make the threshold fall for the others.
            if (std::popcount(survivors) >= kMany)
                by_rising_bound(survivors, bounds, score);
            else
                for_each_bit(survivors, score);
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
    static constexpr int kMany = 24;

    ScaleCodec scales_;
    bool l2_;
    size_t code_bytes_; ///< of the signs
    QuantizedQuery query_;
    kernels::ScanFilter filter_{};

    template <class Visit>
    static void for_each_bit(uint64_t bits, const Visit& visit) {
        for (; bits != 0; bits &= bits - 1) visit(static_cast<size_t>(std::countr_zero(bits)));
    }

    /// Visits the codes of a block about from the nearest to the farthest.
    template <class Visit>
    static void by_rising_bound(uint64_t codes, const float* bounds, const Visit& visit) {
        constexpr size_t kSteps = 16;
        float least = std::numeric_limits<float>::infinity(), most = -least;
        for_each_bit(codes, [&](size_t i) {
            least = std::min(least, bounds[i]);
            most = std::max(most, bounds[i]);
        });
        const float steps = (static_cast<float>(kSteps) - 0.5f) / (most - least);
        if (!std::isnormal(steps)) return for_each_bit(codes, visit); // all the same, or infinite
        uint64_t of_step[kSteps] = {};
        for_each_bit(codes, [&](size_t i) {
            of_step[static_cast<size_t>((bounds[i] - least) * steps)] |= uint64_t{1} << i;
        });
        for (const uint64_t step : of_step) for_each_bit(step, visit);
    }
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
