#pragma once

#include "codec/sign_encoder.h"
#include "nearest/row_set.h"

#include <bqq/quantizer.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

namespace bqq {

/// What encoding needs of the bases, made for each when it is first asked for.
class Encoders {
public:
    explicit Encoders(std::shared_ptr<const std::vector<Basis>> bases);

    const SignEncoder& of(size_t basis) const;
    /// The bases with the nearest means. @param nearest  output, size n * count
    void nearest(size_t n, const float* x, uint32_t* nearest, size_t count) const;
    size_t memory_bytes() const;

private:
    std::shared_ptr<const std::vector<Basis>> bases_;
    mutable std::mutex mutex_;
    mutable std::vector<float> means_;
    mutable std::optional<RowSet> mean_rows_; ///< of means_, made once
    mutable std::vector<std::unique_ptr<const SignEncoder>> encoders_;
};

/// The lists that vectors are coded in.
struct CodingLists {
    std::span<const uint8_t> basis_of; ///< of each list; empty: list l has basis l
    /// Writes the centre of a list, size d; empty: it is the mean of the list's basis.
    std::function<void(uint32_t list, float* centre)> centre;

    size_t basis(uint32_t list) const { return basis_of.empty() ? list : basis_of[list]; }
};

/** Codes vectors, each in its list.
 * @param x        size n * d, finite
 * @param list_of  size n
 * @param codes    output, size n * quantizer.code_size()
 * @param errors   output, size n: squared distance to the nearest multiple of B^T s; or nullptr
 */
void encode_in_lists(
        const Quantizer& quantizer, const CodingLists& lists, size_t n, const float* x,
        std::span<const uint32_t> list_of, uint8_t* codes, double* errors = nullptr);

/// Of vectors, each in its list; see Quantizer::coding_error(). @param x  size n * d, finite, n > 0
CodingError coding_error(
        const Quantizer& quantizer, const CodingLists& lists, size_t n, const float* x,
        std::span<const uint32_t> list_of);

/// The reverse. @param x  output, size n * d
void decode_in_lists(
        const Quantizer& quantizer, const CodingLists& lists, size_t n, const uint8_t* codes,
        std::span<const uint32_t> list_of, float* x);

} // namespace bqq
