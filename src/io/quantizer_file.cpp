#include "io/quantizer_file.h"

#include "codec/bfloat16.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

namespace bqq {

static_assert(std::endian::native == std::endian::little, "files are little-endian");

namespace {

constexpr uint64_t kMaxDimension = uint64_t{1} << 24;

void check_number(float value, const char* name) {
    if (!std::isfinite(value))
        throw std::runtime_error(
                "quantizer has " + std::string(name) + " = " + std::to_string(value));
}

/// Every byte must stand for a number.
void check_alphas(const ScaleCodec& scales) {
    const int64_t last = int64_t{scales.alpha_first} + 255 * int64_t{scales.alpha_step};
    if (scales.alpha_step < 0 || int64_t{scales.alpha_first} + scales.alpha_step < 0 ||
        last >= std::bit_cast<int32_t>(std::numeric_limits<float>::infinity()))
        throw std::runtime_error(
                "quantizer has alphas from " + std::to_string(scales.alpha_first) +
                " in steps of " + std::to_string(scales.alpha_step));
}

} // namespace

namespace {

void write_numbers(const std::vector<float>& values, const ByteSink& sink) {
    const bool half = are_bfloat16(values.data(), values.size());
    write_value(sink, uint8_t{half});
    if (!half) {
        sink(values.data(), values.size() * sizeof(float));
        return;
    }
    std::vector<uint16_t> bits(values.size());
    std::transform(values.begin(), values.end(), bits.begin(), bfloat16_bits);
    sink(bits.data(), bits.size() * sizeof(uint16_t));
}

std::vector<float> read_numbers(const ByteSource& source, size_t n) {
    if (read_value<uint8_t>(source) == 0) return read_array<std::vector<float>>(source, n);
    const auto bits = read_array<std::vector<uint16_t>>(source, n);
    std::vector<float> values(n);
    std::transform(bits.begin(), bits.end(), values.begin(), from_bfloat16_bits);
    return values;
}

} // namespace

void write_quantizer(const BinaryQuadraticQuantizer& quantizer, const ByteSink& sink) {
    write_value(sink, uint64_t{quantizer.d});
    write_value(sink, uint64_t{quantizer.M});
    write_value(sink, int32_t{quantizer.depth});
    write_value(sink, uint8_t{quantizer.metric == Metric::inner_product});
    write_value(sink, uint8_t{quantizer.is_trained});
    if (!quantizer.is_trained) return;
    const Basis& basis = quantizer.basis();
    write_value(sink, basis.scale);
    write_numbers(basis.mean, sink);
    write_numbers(basis.rho, sink);
    sink(basis.Z.data(), basis.Z.size());
    const ScaleCodec& scales = quantizer.scales();
    write_value(sink, scales.alpha_first);
    write_value(sink, scales.alpha_step);
    for (float value : {scales.norm_first, scales.norm_step, scales.calibration})
        write_value(sink, value);
}

BinaryQuadraticQuantizer read_quantizer(const ByteSource& source) {
    const auto d = read_value<uint64_t>(source);
    const auto M = read_value<uint64_t>(source);
    const auto depth = read_value<int32_t>(source);
    const auto inner_product = read_value<uint8_t>(source);
    const auto is_trained = read_value<uint8_t>(source);
    if (d > kMaxDimension || inner_product > 1 || is_trained > 1)
        throw std::runtime_error(
                "quantizer has d = " + std::to_string(d) + ", metric " +
                std::to_string(inner_product) + ", is_trained " + std::to_string(is_trained));
    BinaryQuadraticQuantizer quantizer(
            d, M, inner_product != 0 ? Metric::inner_product : Metric::l2, depth);
    if (is_trained == 0) return quantizer;

    Basis basis;
    basis.d = d;
    basis.M = M;
    basis.depth = depth;
    const size_t rows = M * static_cast<size_t>(depth);
    basis.scale = read_value<float>(source);
    basis.mean = read_numbers(source, d);
    basis.rho = read_numbers(source, rows);
    basis.Z = read_array<std::vector<uint8_t>>(source, rows * basis.plane_bytes());
    ScaleCodec scales;
    scales.metric = quantizer.metric;
    scales.alpha_first = read_value<int32_t>(source);
    scales.alpha_step = read_value<int32_t>(source);
    check_alphas(scales);
    for (float* value : {&scales.norm_first, &scales.norm_step, &scales.calibration}) {
        *value = read_value<float>(source);
        check_number(*value, "a scale");
    }
    check_number(basis.scale, "scale");
    for (float value : basis.mean) check_number(value, "a mean");
    for (float value : basis.rho) check_number(value, "a rho");
    quantizer.set_trained(std::move(basis), scales);
    return quantizer;
}

void write_groups(const GroupedQuantizer& quantizer, const ByteSink& sink) {
    write_value(sink, static_cast<uint16_t>(quantizer.wanted_groups));
    if (quantizer.wanted_groups == GroupedQuantizer::kChooseGroups)
        write_value(sink, static_cast<uint8_t>(quantizer.wanted_depth));
    write_value(sink, static_cast<uint16_t>(quantizer.groups()));
    for (size_t g = 0; g < quantizer.groups(); ++g) write_quantizer(quantizer.group(g), sink);
}

GroupedQuantizer read_groups(const ByteSource& source) {
    const auto wanted_groups = read_value<uint16_t>(source);
    const bool chosen = wanted_groups == GroupedQuantizer::kChooseGroups;
    const int wanted_depth = chosen ? read_value<uint8_t>(source) : 0;
    const auto groups = read_value<uint16_t>(source);
    const size_t most = chosen ? GroupedQuantizer::kMaxGroups : wanted_groups;
    if (groups == 0 || groups > most)
        throw std::runtime_error(
                "the index has " + std::to_string(groups) + " groups of " + std::to_string(most));
    std::vector<BinaryQuadraticQuantizer> quantizers;
    for (size_t g = 0; g < groups; ++g) quantizers.push_back(read_quantizer(source));
    const BinaryQuadraticQuantizer& first = quantizers.front();
    GroupedQuantizer quantizer(
            first.d, first.M, first.metric, chosen ? wanted_depth : first.depth, wanted_groups);
    if (first.is_trained || groups > 1) quantizer.set_trained(std::move(quantizers));
    return quantizer;
}

} // namespace bqq
