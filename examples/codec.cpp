// Codes vectors and decodes them, without an index and without FAISS.
#include "data.h"

#include <bqq/quantizer.h>

#include <cstdint>
#include <cstdio>
#include <vector>

namespace {

/// Mean squared error of y, relative to the variance of x.
double relative_error(const std::vector<float>& x, const std::vector<float>& y, size_t d) {
    std::vector<double> mean(d);
    for (size_t i = 0; i < x.size(); ++i)
        mean[i % d] +=
                static_cast<double>(x[i]) * static_cast<double>(d) / static_cast<double>(x.size());
    double error = 0, variance = 0;
    for (size_t i = 0; i < x.size(); ++i) {
        const double difference = static_cast<double>(x[i]) - static_cast<double>(y[i]);
        const double from_mean = static_cast<double>(x[i]) - mean[i % d];
        error += difference * difference;
        variance += from_mean * from_mean;
    }
    return error / variance;
}

} // namespace

int main() {
    const size_t d = 64;
    const size_t n = 4000;
    const std::vector<float> x = clustered_vectors(n, d, 50);

    double last = 1;
    for (const size_t M : {32, 64, 128, 256}) {
        bqq::Quantizer quantizer(d, M, bqq::Metric::l2);
        bqq::TrainingParameters parameters;
        parameters.rounds = 12; // fewer than the default of 36, so that the example is quick
        quantizer.train(x, parameters);

        std::vector<uint8_t> codes(n * quantizer.code_size());
        quantizer.encode(x, codes);
        std::vector<float> decoded(n * d);
        quantizer.decode(codes, {}, decoded);

        const double error = relative_error(x, decoded, d);
        std::printf(
                "%3zu bits: %2zu bytes a vector instead of %zu, error %.3f of the variance\n", M,
                quantizer.code_size(), d * sizeof(float), error);
        if (!(error < last)) {
            std::printf("more bits must have a smaller error\n");
            return 1;
        }
        last = error;
    }
    return last < 0.2 ? 0 : 1;
}
