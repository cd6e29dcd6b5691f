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
#include <optional>
#include <span>
#include <vector>

namespace bqq {

/// The knobs of the two stages of a search.
struct ScanParameters {
    int query_bits = 8;       ///< bits of the largest integer weight of a query in stage 1, 2 to 12
    float margin = 3;         ///< stage 2 scores what stage 1 puts within this many standard errors
    bool leave_early = false; ///< stage 1 may leave blocks of codes after their first bits: LeftOut
};

/** What a scan of their first bits leaves out of w . s of the codes that are among the best when
 * they are met, for each unit of the length of the weights that are left out: mean and variance, of
 * which recent codes count more. Of the codes to come no more is expected, but for so many standard
 * deviations as the margin says.
 *
 * The first thousands of codes are scanned whole for it. It follows the query, which a bound that
 * is learned in training could not: near a query in a dense place there are codes that agree with
 * it in nearly all bits.
 */
class LeftOut {
public:
    /// Whether add() is of use now.
    bool learns() const { return waits_ == 0; }
    void add(float part);
    float mean() const { return mean_; }
    float variance() const { return variance_; }

    /// Whether blocks of the next batch may be left. Where few were, some batches are passed over.
    bool is_worth_a_try();
    /// Tells of a batch what part of its blocks were left, and from which part on that pays.
    void count_left(double part, double pays_from);

private:
    static constexpr size_t kEnough = 48;
    static constexpr float kLeastWeight = 1.0f / 16;

    size_t count_ = 0;
    float mean_ = 0;
    float variance_ = 0;
    size_t pause_ = 0; ///< batches after one that did not pay
    size_t waits_ = 0; ///< batches to pass over
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
     * @param left_out    of this query, kept from run to run; nullptr: blocks are scanned whole
     */
    template <class Allowed, class Threshold, class Candidate>
    void run(
            const kernels::InterleavedCodes& codes, size_t begin, size_t end,
            const Allowed& allowed, const Threshold& threshold, const Candidate& candidate,
            LeftOut* left_out = nullptr) const {
        if (scores_all_) {
            for (size_t b = begin; b < end; ++b)
                for (size_t i = 0; i < codes.width(b); ++i) {
                    const size_t position = b * kernels::kBlock + i;
                    if (allowed(position))
                        candidate(position, key(codes.block(b) + i, codes.width(b)));
                }
            return;
        }
        if (first_bytes_ == 0) left_out = nullptr;
        const kernels::ScanTables tables = query_.tables();
        float bounds[kernels::kBlock];
        float limit = threshold();
        // The first block in [b, last) with survivors, which are scored in float; `last` if none.
        const auto scan_to_survivors = [&](size_t b, size_t last) {
            uint64_t survivors = 0;
            b = kernels::next_survivors(tables, filter_, codes, b, last, limit, &survivors, bounds);
            if (b == last) return last;
            const uint8_t* block = codes.block(b);
            const size_t width = codes.width(b);
            const auto score = [&](size_t i) {
                const size_t position = b * kernels::kBlock + i;
                if (bounds[i] > limit || !allowed(position)) return;
                const float found = key(block + i, width);
                candidate(position, found);
                if (left_out != nullptr && left_out->learns() && found < limit &&
                    limit < std::numeric_limits<float>::infinity())
                    left_out->add(left_out_dot(block + i, width) / left_out_length_);
                limit = threshold();
            };
            // Where nearly all survive, as in the first block, the nearest lower the threshold for
            // the others.
            if (std::popcount(survivors) >= kMany)
                by_rising_bound(survivors, bounds, score);
            else
                for_each_bit(survivors, score);
            return b;
        };
        size_t blocks[kBatch];
        for (size_t b = begin; b < end;) {
            const size_t last = std::min(end, b + kBatch);
            std::optional<kernels::ScanFilter> filter;
            if (left_out != nullptr && left_out->is_worth_a_try()) filter = first_filter(*left_out);
            if (!filter) {
                while (b < last) b = std::min(last, scan_to_survivors(b, last) + 1);
                continue;
            }
            const size_t count = kernels::blocks_within(
                    first_bits_.tables(), *filter, codes, b, last, limit, blocks);
            for (size_t i = 0; i < count; ++i) scan_to_survivors(blocks[i], blocks[i] + 1);
            left_out->count_left(
                    1 - static_cast<double>(count) / static_cast<double>(last - b), pays_from_);
            b = last;
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
    static constexpr size_t kBatch = 32; ///< blocks whose first bits are scanned together
    /// More cost the scan of the first bits look-ups; LeftOut knows what fewer leave out.
    static constexpr int kFirstQueryBits = 6;

    ScaleCodec scales_; ///< L2: its nu times scale^2
    bool l2_;
    bool scores_all_;   ///< the bounds of stage 1 are not finite, as with an infinite margin
    float weight_;      ///< of alpha (w . s) in a key
    double nu_weight_;  ///< of nu in the key of a far vector
    size_t code_bytes_; ///< of the signs
    float margin_;
    QuantizedQuery query_;
    kernels::ScanFilter filter_{};

    // Of the first bytes of the codes, after which a block may be left.
    size_t first_bytes_ = 0; ///< 0: blocks are scanned whole
    double pays_from_ = 0;   ///< part of the blocks that must be left
    QuantizedQuery first_bits_;
    kernels::AlignedVector<float> left_out_weights_; ///< w less what first_bits_ rounds it to
    float left_out_sum_ = 0;                         ///< of these
    float left_out_length_ = 0;

    /// Nothing where its numbers are not finite.
    std::optional<kernels::ScanFilter> first_filter(const LeftOut& left_out) const;
    /// w . s less what the scan of the first bits makes of it.
    float left_out_dot(const uint8_t* code, size_t stride) const {
        const float sum = kernels::masked_sum(left_out_weights_.data(), code_bytes_, code, stride);
        return 2 * sum - left_out_sum_;
    }

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
