#include "codec/encoder.h"

#include "base/parallel_for.h"
#include "kernels/aligned.h"
#include "kernels/sums_in_double.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

namespace bqq {

Encoders::Encoders(std::shared_ptr<const std::vector<Basis>> bases)
        : bases_(std::move(bases)), encoders_(bases_->size()) {}

const SignEncoder& Encoders::of(size_t basis) const {
    const std::lock_guard lock(mutex_);
    std::unique_ptr<const SignEncoder>& encoder = encoders_[basis];
    if (encoder == nullptr) encoder = make_sign_encoder((*bases_)[basis]);
    return *encoder;
}

void Encoders::nearest(size_t n, const float* x, uint32_t* nearest, size_t count) const {
    if (bases_->size() == 1) {
        std::fill_n(nearest, n * count, uint32_t{0});
        return;
    }
    {
        const std::lock_guard lock(mutex_);
        if (!mean_rows_) {
            std::vector<float> means;
            for (const Basis& basis : *bases_)
                means.insert(means.end(), basis.mean.begin(), basis.mean.end());
            mean_rows_.emplace(means.data(), bases_->size(), bases_->front().d);
            means_ = std::move(means);
        }
    }
    mean_rows_->find_nearest(n, x, nearest, count);
}

size_t Encoders::memory_bytes() const {
    const std::lock_guard lock(mutex_);
    size_t bytes =
            means_.capacity() * sizeof(float) + (mean_rows_ ? bases_->size() * sizeof(float) : 0);
    for (const auto& encoder : encoders_)
        if (encoder != nullptr) bytes += encoder->memory_bytes();
    return bytes;
}

namespace {

/// Rows to code together: all in lists of one basis.
struct Range {
    size_t begin, end; ///< places in the order
    size_t basis;
};

/// Vectors in the order of the bases and lists that they are coded in.
class CodingOrder {
public:
    CodingOrder(const CodingLists& lists, std::span<const uint32_t> list_of, size_t most)
            : rows_(list_of.size()) {
        std::iota(rows_.begin(), rows_.end(), size_t{0});
        const auto key = [&](size_t row) {
            return std::pair(lists.basis(list_of[row]), list_of[row]);
        };
        const auto before = [&](size_t a, size_t b) { return key(a) < key(b); };
        if (!std::is_sorted(rows_.begin(), rows_.end(), before))
            std::stable_sort(rows_.begin(), rows_.end(), before);
        for (size_t begin = 0; begin < rows_.size();) {
            const size_t basis = lists.basis(list_of[rows_[begin]]);
            size_t end = begin;
            while (end < rows_.size() && end < begin + most &&
                   lists.basis(list_of[rows_[end]]) == basis)
                ++end;
            ranges_.push_back({begin, end, basis});
            begin = end;
        }
    }

    size_t row(size_t place) const { return rows_[place]; }
    const std::vector<Range>& ranges() const { return ranges_; }

private:
    std::vector<size_t> rows_;
    std::vector<Range> ranges_;
};

/// Codes the vectors of a range; one for each thread.
class RangeEncoder {
public:
    RangeEncoder(const Quantizer& quantizer, const CodingLists& lists)
            : quantizer_(quantizer),
              lists_(lists),
              unit_(SignEncoder::kRows * quantizer.d()),
              x2_(SignEncoder::kRows),
              fits_(SignEncoder::kRows),
              centres_(SignEncoder::kRows * quantizer.d()),
              centre_weights_(SignEncoder::kRows * quantizer.M()),
              centre_of_(SignEncoder::kRows) {}

    void encode(
            const CodingOrder& order, const Range& range, const float* x,
            std::span<const uint32_t> list_of, uint8_t* codes, double* errors) {
        const Basis& basis = quantizer_.basis(range.basis);
        const SignEncoder& encoder = quantizer_.encoders().of(range.basis);
        const size_t d = basis.d;
        const size_t n = range.end - range.begin;
        const size_t bits_size = quantizer_.bits_size();
        signs_.resize(SignEncoder::kRows * encoder.stride());

        const size_t centres = find_centres(order, range, basis, list_of);
        for (size_t i = 0; i < n; ++i) {
            float* unit = unit_.data() + i * d;
            const float* centre =
                    centres == 0 ? basis.mean.data() : centres_.data() + centre_of_[i] * d;
            basis.to_unit(x + order.row(range.begin + i) * d, centre, unit);
            x2_[i] = kernels::squared_norm(unit, d);
            const float weight = gain_weight(x2_[i]);
            for (size_t j = 0; j < d; ++j) unit[j] *= weight;
        }
        encoder.encode(unit_.data(), d, x2_.data(), n, signs_.data(), fits_, scratch_);
        weigh_centres(basis, encoder, centres);
        for (size_t i = 0; i < n; ++i) {
            const size_t row = order.row(range.begin + i);
            const float* s = signs_.data() + i * encoder.stride();
            uint8_t* code = codes + row * quantizer_.code_size();
            std::fill_n(code, bits_size, uint8_t{0});
            for (size_t k = 0; k < basis.M; ++k)
                if (s[k] > 0) code[k / 8] |= static_cast<uint8_t>(1u << (k % 8));
            const float* weights = centre_weights_.data() + centre_of_[i] * basis.M;
            const double centre_dot =
                    centres == 0 ? 0 : std::inner_product(s, s + basis.M, weights, 0.0);
            const Fit& fit = fits_[i];
            basis.scales.encode(fit, centre_dot, code + bits_size);
            const double unit = basis.scale;
            if (errors != nullptr) errors[row] = fit.residual() * unit * unit;
        }
    }

private:
    const Quantizer& quantizer_;
    const CodingLists& lists_;
    std::vector<float> unit_, signs_;
    std::vector<double> x2_;
    std::vector<Fit> fits_;
    std::vector<float> centres_;        ///< of the lists that the range has, one after the other
    std::vector<float> centre_weights_; ///< B (centre - mean) of each
    std::vector<size_t> centre_of_;     ///< of each vector: which of them
    SignEncoder::Scratch scratch_;

    /// @return how many centres; 0 where they are the mean
    size_t find_centres(
            const CodingOrder& order, const Range& range, const Basis& basis,
            std::span<const uint32_t> list_of) {
        if (!lists_.centre) return 0;
        size_t count = 0;
        for (size_t i = 0; i < range.end - range.begin; ++i) {
            const size_t place = range.begin + i;
            const uint32_t list = list_of[order.row(place)];
            if (i == 0 || list != list_of[order.row(place - 1)])
                lists_.centre(list, centres_.data() + count++ * basis.d);
            centre_of_[i] = count - 1;
        }
        return count;
    }

    /// Once for each list, not for each vector.
    void weigh_centres(const Basis& basis, const SignEncoder& encoder, size_t count) {
        if (count == 0) return;
        for (size_t c = 0; c < count; ++c) {
            float* centre = centres_.data() + c * basis.d;
            basis.to_unit(centre, basis.mean.data(), centre);
        }
        encoder.project(centres_.data(), count, centre_weights_.data());
    }
};

} // namespace

void encode_in_lists(
        const Quantizer& quantizer, const CodingLists& lists, size_t n, const float* x,
        std::span<const uint32_t> list_of, uint8_t* codes, double* errors) {
    const CodingOrder order(lists, list_of.first(n), SignEncoder::kRows);
    for (const Range& range : order.ranges()) (void)quantizer.encoders().of(range.basis);
    parallel_for_with(
            order.ranges().size(), [&] { return RangeEncoder(quantizer, lists); },
            [&](RangeEncoder& encoder, size_t i) {
                encoder.encode(order, order.ranges()[i], x, list_of, codes, errors);
            });
}

CodingError coding_error(
        const Quantizer& quantizer, const CodingLists& lists, size_t n, const float* x,
        std::span<const uint32_t> list_of) {
    std::vector<uint8_t> codes(n * quantizer.code_size());
    std::vector<double> errors(n);
    encode_in_lists(quantizer, lists, n, x, list_of, codes.data(), errors.data());
    CodingError sums{0, 0};
    for (size_t i = 0; i < n; ++i) {
        const Basis& basis = quantizer.basis(lists.basis(list_of[i]));
        const double unit = basis.scale;
        sums.of_vectors += errors[i];
        sums.of_training += basis.training_error < 0
                                    ? std::numeric_limits<double>::quiet_NaN()
                                    : static_cast<double>(basis.training_error) * unit * unit;
    }
    const auto count = static_cast<double>(n);
    return {sums.of_vectors / count, sums.of_training / count};
}

void decode_in_lists(
        const Quantizer& quantizer, const CodingLists& lists, size_t n, const uint8_t* codes,
        std::span<const uint32_t> list_of, float* x) {
    const CodingOrder order(lists, list_of.first(n), SignEncoder::kRows);
    const size_t d = quantizer.d();
    struct Buffers {
        kernels::AlignedVector<float> atom;
        std::vector<float> centre;
    };
    parallel_for_with(
            order.ranges().size(),
            [&] {
                return Buffers{
                        kernels::AlignedVector<float>(quantizer.basis(0).row_size()),
                        std::vector<float>(d)};
            },
            [&](Buffers& buffers, size_t r) {
                const Range& range = order.ranges()[r];
                const Basis& basis = quantizer.basis(range.basis);
                const auto code = [&](size_t place) {
                    return codes + order.row(place) * quantizer.code_size();
                };
                for (size_t place = range.begin; place < range.end; ++place)
                    std::fill_n(x + order.row(place) * d, d, 0.0f);
                for (size_t k = 0; k < basis.M; ++k) {
                    basis.expand_atom(k, buffers.atom.data());
                    for (size_t place = range.begin; place < range.end; ++place) {
                        const bool plus = (code(place)[k / 8] >> (k % 8) & 1) != 0;
                        float* sum = x + order.row(place) * d;
                        for (size_t j = 0; j < d; ++j)
                            sum[j] += plus ? buffers.atom[j] : -buffers.atom[j];
                    }
                }
                for (size_t place = range.begin; place < range.end; ++place) {
                    const float* centre = basis.mean.data();
                    if (lists.centre) {
                        lists.centre(list_of[order.row(place)], buffers.centre.data());
                        centre = buffers.centre.data();
                    }
                    const StoredScales stored =
                            basis.scales.decode(code(place) + quantizer.bits_size());
                    const float length = basis.scale * stored.alpha;
                    float* out = x + order.row(place) * d;
                    for (size_t j = 0; j < d; ++j) out[j] = centre[j] + length * out[j];
                }
            });
}

} // namespace bqq
