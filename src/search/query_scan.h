#pragma once

#include "codec/basis.h"
#include "kernels/scan.h"
#include "search/quantized_query.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace bqq {

/// The knobs of the two stages of a search.
struct ScanParameters {
    int query_bits = 8; ///< bits of the largest integer weight of a query in stage 1, 2 to 12
    float margin = 3;   ///< stage 2 scores what stage 1 puts within this many standard errors
};

/** A query, prepared for the codes of one basis. The key of a code is its distance up to what the
 * list adds, smaller for closer codes under both metrics:
 *
 *     L2:             scale^2 (nu - 2 alpha (w . s)),   to which |q - c|^2 is added
 *     inner product:  -scale alpha (w . s),             to which -<q, c> is added
 */
class QueryScan {
public:
    /// @param w  size M; `length` times it is B (q - mean) in units of the basis for L2, B q for
    /// the
    ///           inner product
    QueryScan(
            const Basis& basis, const float* w, const ScanParameters& parameters, float length = 1);

    /** Calls candidate(i, key) for the codes i of blocks [begin, end) whose key may be threshold()
     * or less; for all codes where the margin is infinite.
     * @param allowed(i)  whether code i counts; asked only of codes that stage 1 lets pass
     */
    template <class Allowed, class Threshold, class Candidate>
    void run(
            const kernels::InterleavedCodes& codes, size_t begin, size_t end,
            const Allowed& allowed, const Threshold& threshold, const Candidate& candidate) const {
        if (scores_all_) {
            for (size_t b = begin; b < end; ++b)
                for (size_t i = 0; i < codes.width(b); ++i) {
                    const size_t position = b * kernels::kBlock + i;
                    if (allowed(position))
                        candidate(position, key(codes.block(b) + i, codes.width(b)));
                }
            return;
        }
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
            // Where nearly all survive, as in the first block, the nearest lower the threshold for
            // the others.
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
        const uint8_t bytes[3] = {
                stored[0], l2_ ? stored[stride] : uint8_t{0},
                l2_ ? stored[2 * stride] : uint8_t{0}};
        if (bytes[0] > scales_.last_near) return far_key(bytes, dot);
        const StoredScales s = scales_.decode(bytes);
        return s.nu - weight_ * s.alpha * dot;
    }

private:
    static constexpr int kMany = 24;

    ScaleCodec scales_; ///< L2: its nu times scale^2
    bool l2_;
    bool scores_all_;   ///< the bounds of stage 1 are not finite, as with an infinite margin
    float weight_;      ///< of alpha (w . s) in a key
    double nu_weight_;  ///< of nu in the key of a far vector
    size_t code_bytes_; ///< of the signs
    QuantizedQuery query_;
    kernels::ScanFilter filter_{};

    /// @param stored  the three bytes, or one, of a far vector
    float far_key(const uint8_t* stored, float dot) const;

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

/** Prepares some of the queries for the codes of a basis.
 * @param chosen  which rows of x, ascending
 * @param x       queries, rows of size d
 */
std::vector<QueryScan> prepare_scans(
        const Basis& basis, std::span<const size_t> chosen, const float* x,
        const ScanParameters& parameters);

/// What a list adds to the keys of its codes: |q - c|^2, or -<q, c>. @param q, c  size d
double list_offset(Metric metric, const float* q, const float* c, size_t d);

} // namespace bqq
