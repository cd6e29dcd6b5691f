#pragma once

#include "kernels/aligned.h"
#include "kernels/scan.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace bqq {

/** A query's weights w = B q in the two precisions of the search.
 *
 * Stage 1 takes integers, w_k ~ step * q_k with one step for all atoms, in the tables of the scan;
 * stage 2 sums the float weights.
 */
class QuantizedQuery {
public:
    /** @param w     size M: the weights
     *  @param bits  bits of the largest integer weight, sign included: 2 to 12. Fewer are used
     * where the sum of all would exceed kernels::kMaxScore.
     */
    void assign(std::span<const float> w, int bits);

    /// The integers q, size M, then zeros up to whole bytes.
    const std::vector<int>& integers() const { return integers_; }
    float step() const { return step_; }
    /// Standard deviation of w . s - step * q . s, the signs taken as random: |w - step * q|.
    float error() const { return error_; }

    kernels::ScanTables tables() const;
    /// step * q . s from a score of the scan is slope() * score + offset().
    float slope() const { return 2 * step_; }
    float offset() const { return offset_; }

    /** w . s in float.
     * @param code  first byte of the code; the next one is `stride` bytes further
     */
    float dot(const uint8_t* code, size_t stride) const {
        return 2 * kernels::masked_sum(weights_.data(), code_bytes_, code, stride) - sum_;
    }

private:
    size_t code_bytes_ = 0;
    size_t wide_bytes_ = 0; // and so on: as kernels::ScanTables
    size_t single_bytes_ = 0;
    size_t pairs_ = 0;
    size_t quads_ = 0;
    float step_ = 0;
    float error_ = 0;
    float offset_ = 0;
    float sum_ = 0;                         // of w
    kernels::AlignedVector<float> weights_; // w, then zeros
    std::vector<int> integers_;             // q, then zeros up to whole bytes
    std::vector<uint8_t> tables_;

    void build_tables();
};

} // namespace bqq
