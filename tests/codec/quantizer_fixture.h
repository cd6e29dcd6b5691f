#pragma once

#include <bqq/binary_quadratic_quantizer.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace bqq::test {

inline BinaryQuadraticQuantizer trained(
        const std::vector<float>& x, size_t d, size_t M, Metric metric = Metric::l2,
        int depth = BinaryQuadraticQuantizer::kDefaultDepth, uint64_t seed = 1234) {
    BinaryQuadraticQuantizer quantizer(d, M, metric, depth);
    TrainingParameters parameters;
    parameters.seed = seed;
    quantizer.train(x.size() / d, x.data(), parameters);
    return quantizer;
}

inline std::vector<uint8_t> codes_of(
        const BinaryQuadraticQuantizer& quantizer, const std::vector<float>& x) {
    const size_t n = x.size() / quantizer.d;
    std::vector<uint8_t> codes(n * quantizer.code_size);
    quantizer.compute_codes(x.data(), codes.data(), n);
    return codes;
}

inline std::vector<float> decoded(
        const BinaryQuadraticQuantizer& quantizer, const std::vector<float>& x) {
    const std::vector<uint8_t> codes = codes_of(quantizer, x);
    std::vector<float> result(x.size());
    quantizer.decode(codes.data(), result.data(), x.size() / quantizer.d);
    return result;
}

/// sum |x - decoded|^2 over sum |x - mean|^2
inline double relative_error(
        const BinaryQuadraticQuantizer& quantizer, const std::vector<float>& x) {
    const std::vector<float> y = decoded(quantizer, x);
    double error = 0;
    double energy = 0;
    for (size_t i = 0; i < x.size(); ++i) {
        const double rest = static_cast<double>(x[i]) - static_cast<double>(y[i]);
        const double centred = static_cast<double>(x[i]) -
                               static_cast<double>(quantizer.basis().mean[i % quantizer.d]);
        error += rest * rest;
        energy += centred * centred;
    }
    return error / energy;
}

} // namespace bqq::test
