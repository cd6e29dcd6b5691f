#pragma once

#include "codec/basis.h"

#include <bqq/quantizer.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace bqq::test {

/// @param x  rows of size d
inline Quantizer trained(
        const std::vector<float>& x, size_t d, size_t M, Metric metric = Metric::l2,
        std::optional<int> depth = {}, std::optional<size_t> bases = 1) {
    Quantizer quantizer(d, M, metric, depth, bases);
    quantizer.train(x);
    return quantizer;
}

/// Codes, with the list of each.
struct Encoded {
    std::vector<uint8_t> codes;
    std::vector<uint32_t> lists;

    bool operator==(const Encoded&) const = default;
};

inline Encoded encoded(const Quantizer& quantizer, const std::vector<float>& x) {
    const size_t n = x.size() / quantizer.d();
    Encoded result{
            std::vector<uint8_t>(n * quantizer.code_size()), std::vector<uint32_t>(n, 12345)};
    quantizer.encode(x, result.codes, result.lists);
    return result;
}

inline std::vector<uint8_t> codes_of(const Quantizer& quantizer, const std::vector<float>& x) {
    return encoded(quantizer, x).codes;
}

inline std::vector<float> decoded(const Quantizer& quantizer, const Encoded& from) {
    std::vector<float> result(from.lists.size() * quantizer.d());
    quantizer.decode(from.codes, from.lists, result);
    return result;
}

inline std::vector<float> decoded(const Quantizer& quantizer, const std::vector<float>& x) {
    return decoded(quantizer, encoded(quantizer, x));
}

/// sum |x - decoded|^2 over sum |x - mean|^2, the mean that of the first basis
inline double relative_error(const Quantizer& quantizer, const std::vector<float>& x) {
    const std::vector<float> y = decoded(quantizer, x);
    double error = 0;
    double energy = 0;
    for (size_t i = 0; i < x.size(); ++i) {
        const double rest = static_cast<double>(x[i]) - static_cast<double>(y[i]);
        const double centred = static_cast<double>(x[i]) -
                               static_cast<double>(quantizer.basis(0).mean[i % quantizer.d()]);
        error += rest * rest;
        energy += centred * centred;
    }
    return error / energy;
}

} // namespace bqq::test
