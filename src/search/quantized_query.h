#pragma once

#include "kernels/scan.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace bqq {

/** A query's weights w = B q in the two precisions of the search.
 *
 * Stage 1 takes integers, w_k ~ step * q_k with one step for all atoms, in the tables of the scan; stage 2
 * sums the float weights by nibble.
 */
class QuantizedQuery {
public:
    /** @param w     size M: the weights
     *  @param bits  bits of the largest integer weight, sign included: 2 to 12. Fewer are used where the
     *               sum of all would exceed kernels::kMaxScore.
     */
    void assign(std::span<const float> w, int bits);

    /// The integers q, size M.
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
        float even = 0;
        float odd = 0;
        const float* table = float_tables_.data();
        for (size_t j = 0; j < code_bytes_; ++j, table += 32) {
            const uint8_t c = code[j * stride];
            even += table[c & 15];
            odd += table[16 + (c >> 4)];
        }
        return even + odd;
    }

private:
    size_t code_bytes_ = 0;
    size_t wide_bytes_ = 0;
    float step_ = 0;
    float error_ = 0;
    float offset_ = 0;
    std::vector<int> integers_;
    std::vector<uint8_t> tables_;
    std::vector<uint16_t> groups_;
    std::vector<float> float_tables_; // 16 sums of +-w a nibble

    void build_tables();
};

} // namespace bqq
